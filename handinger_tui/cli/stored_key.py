"""The API key that a command prints, or that the key store of this computer keeps."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from typing import Any, Final

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import Secret, clean_line
from handinger_tui.settings import KEY_COMMAND, KEY_STORE, Settings
from handinger_tui.settings.table import WrongValue, check_key

SERVICE: Final = "handinger-tui"
UNLOCK: Final = "If it is locked, unlock it and try again."
STORE_WAIT_S: Final = 5.0
"""A key store may wait for a person to unlock it, or for a daemon that hangs."""
COMMAND_WAIT_S: Final = 30.0
MOST_KEY_CHARS: Final = 600


def stored_key(settings: Settings) -> str:
    """Return the key from where the settings say that it is. No other place is tried in its stead.

    Raises:
        SettingsError: the command or the store did not give it.
    """
    if settings.key_source == KEY_COMMAND:
        return _checked(key_of_command(settings.key_command), KEY_COMMAND)
    stored = KeyStore().read(settings.profile)
    if not stored:
        raise SettingsError(
            f"The key store has no API key of the profile {settings.profile!r}.",
            "Run: handinger-tui login",
        )
    return _checked(stored, KEY_STORE)


def _checked(key: str, place: str) -> str:
    try:
        return check_key(key)
    except WrongValue as problem:
        raise SettingsError(f"{place}: {problem}", problem.hint) from None


def key_of_command(argv: tuple[str, ...]) -> str:
    """Return the first line that a command prints, whose output is shown nowhere. Raises SettingsError."""
    name = clean_line(argv[0], 60)
    try:
        ended = subprocess.run(  # noqa: S603 - the person's own, without a shell
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_WAIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        problem = f"{name} did not end within {COMMAND_WAIT_S:.0f} s"
    except (OSError, ValueError) as error:
        problem = f"{name} cannot be run ({getattr(error, 'strerror', None) or 'not a valid command'})"
    else:
        key = ended.stdout.decode("utf-8", "replace").partition("\n")[0].strip()
        if key and not ended.returncode:
            return key
        problem = (
            f"{name} ended with exit code {ended.returncode}"
            if ended.returncode
            else f"{name} printed nothing"
        )
    raise SettingsError(
        f"No API key from key_command: {problem}.",
        "Try the command in this terminal. It must not ask for anything.",
    )


class KeyStore:
    """The key store of this computer: Keychain, Credential Manager, Secret Service or KWallet."""

    def read(self, profile: str) -> str:
        """The key of a profile, "" for none. Raises SettingsError: there is no store, or it is locked."""
        return str(self._ask(lambda store: store.get_password(SERVICE, profile)) or "")

    def write(self, profile: str, key: Secret) -> None:
        """Store the key of a profile, and read it again. Raises SettingsError."""
        self._ask(lambda store: store.set_password(SERVICE, profile, key.reveal()))
        if self.read(profile) != key.reveal():
            raise _unusable("The key store did not keep the key.")

    def remove(self, profile: str) -> None:
        """Remove the key of a profile. Raises SettingsError."""
        if self.read(profile):
            self._ask(lambda store: store.delete_password(SERVICE, profile))

    def _ask(self, question: Callable[[Any], object]) -> object:
        """The answer of the store, in time: its thread ends with the program."""
        answers: list[object] = []
        problems: list[str] = []

        def ask() -> None:
            try:
                answers.append(question(_store()))
            except SettingsError as problem:
                problems.append(problem.summary)
            except Exception as problem:  # noqa: BLE001 - of a library of the system
                # Its text might hold what was stored.
                problems.append(f"The key store refused ({type(problem).__name__}). {UNLOCK}")

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(STORE_WAIT_S)
        if answers:
            return answers[0]
        raise _unusable(
            problems[0] if problems else f"The key store did not answer within {STORE_WAIT_S:.0f} s. {UNLOCK}"
        )


def _unusable(problem: str) -> SettingsError:
    return SettingsError(
        problem,
        "Without it, set HANDINGER_API_KEY, or store the key in a file that only you can read: "
        "handinger-tui login --file",
    )


def _store() -> Any:
    """A store that keeps secrets. Raises SettingsError: there is none; a file is none."""
    try:
        import keyring  # an extra; 100 ms
    except ImportError:
        raise SettingsError(
            "The package for key stores is not installed: pip install 'handinger-tui[keystore]'."
        ) from None
    chosen = keyring.get_keyring()
    for store in getattr(chosen, "backends", (chosen,)):
        module = type(store).__module__
        if not module.startswith(("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")):
            return store
    raise SettingsError("This computer has no key store that can be used.")
