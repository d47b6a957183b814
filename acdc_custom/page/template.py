"""From a template and values to one HTML file that stands alone.

Owns the assets, and the promises that hold for every page: everything from outside is escaped, and the browser is
told to load nothing and to run nothing but our own scripts.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

PACKAGE = "acdc_custom.page"
ASSETS = "assets"


def render(name: str, scripts: Sequence[str], **values: Any) -> str:
    """The page of a template; `scripts` are assets, run in this order. The template finds the values by name."""
    code = "".join(f"(() => {{\n{asset(script)}}})();\n" for script in scripts)
    return _environment().get_template(name).render(policy=policy(code), script=Markup(code), **values) + "\n"


def policy(code: str) -> str:
    """A content security policy: no request at all, and no script but this one."""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def asset(name: str) -> str:
    """The text of an asset: of a style sheet or a script."""
    return files(PACKAGE).joinpath(ASSETS, name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(PACKAGE, ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["css"] = lambda name: Markup(asset(name))
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":"), "sort_keys": False}
    return environment
