"""Where things are on this machine: data, configuration, downloads."""

from __future__ import annotations

import os
from pathlib import Path

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety import clean_line


@dataclass(frozen=True, slots=True)
class Places:
    """Folders and files; none of them need exist."""

    config: Path
    database: Path
    downloads: Path


def expanded(path: str) -> Path:
    """A path as a person writes it, `~` and `~name` included.

    Raises:
        SettingsError: nobody of that name has a home folder here.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        name = clean_line(path, 200)
        raise SettingsError(
            f"There is no home folder for {name}.", f"Write ./{name} for a name that begins so."
        ) from None


def places() -> Places:
    """HANDINGER_TUI_HOME puts everything under one folder; else the platform's own folders."""
    home = os.environ.get("HANDINGER_TUI_HOME", "").strip()
    if home:
        root = expanded(home)
        return Places(root / "config.toml", root / "history.db", Path.home() / "Downloads")
    # 10 ms, and needed only here.
    import platformdirs  # noqa: PLC0415

    data = Path(platformdirs.user_data_dir("handinger-tui", appauthor=False))
    config = Path(platformdirs.user_config_dir("handinger-tui", appauthor=False))
    return Places(config / "config.toml", data / "history.db", Path(platformdirs.user_downloads_dir()))


def config_text(path: Path) -> str:
    """The configuration file's text, "" when there is none.

    Raises:
        SettingsError: it is there and cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError(
            f"{path} cannot be read: {problem}.", "Mend it or set HANDINGER_TUI_HOME."
        ) from None
