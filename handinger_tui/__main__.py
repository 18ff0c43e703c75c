"""`python -m handinger_tui`: the same as the console script."""

from handinger_tui.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
