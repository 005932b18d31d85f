"""The command reference, read off the command line itself: it cannot fall behind what the program understands."""

from __future__ import annotations

from typing import Any

from typer.main import get_command

from evenhand.cli.app import app


def described() -> str:
    """Return Markdown that says of every command what it does, what it takes, and what holds where nothing is said."""
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    return "\n\n".join(_command(name, commands[name]) for name in sorted(commands))


def _command(name: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    usage = " ".join(["evenhand", name, *(_named(one) for one in arguments), "[OPTIONS]"])
    rows = [_row(one) for one in (*arguments, *(one for one in command.params if one not in arguments))]
    head = f"## evenhand {name}\n\n{command.help}\n\n```text\n{usage}\n```"
    return "\n".join([head, "", "| | meaning | if left out |", "|---|---|---|", *rows])


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = f"`{_named(parameter)}`"
    else:
        names = ", ".join(f"`{word}`" for word in (*parameter.opts, *parameter.secondary_opts))
    told, _, default = (parameter.help or "").partition(" [default: ")
    return f"| {names} | {_cell(told)} | {_cell(default.rstrip(']') or _default(parameter))} |"


def _named(parameter: Any) -> str:
    return (parameter.metavar or parameter.name).strip("[]{}").upper() + ("..." if parameter.nargs == -1 else "")


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "required"
    if value is None or value is False or value == () or callable(value):
        return ""
    return f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
