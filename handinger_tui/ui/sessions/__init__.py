"""Sessions through the engine and the history, without a widget: whichever front shows them."""
