"""SQLAlchemy's URLs and Django's name for its backend, in settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncdb_lint.migrate.dependencies.draft import Draft

NEW = "postgresql+psycopg"
URL = re.compile(r"postgres(?:ql)?\+psycopg2(?![\w-])")
ENGINE = re.compile(r"(?<![\w.])django\.db\.backends\.postgresql_psycopg2(?!\w)")
NEW_ENGINE = "django.db.backends.postgresql"
FOREIGN = re.compile(r"airflow|mlflow|superset", re.IGNORECASE)
"""Programs that projects run beside their own, and that bring psycopg2: their URLs stay."""
ALEMBIC = re.compile(
    r"^[ \t]*[\w.]*sqlalchemy\.url[ \t]*=[ \t]*(?P<scheme>postgres(?:ql)?)(?=://)", re.MULTILINE
)


def migrate(draft: Draft, *, own: bool) -> None:
    """`postgresql+psycopg2://`; in files that are not the project's `own`, other programs may read it."""
    if FOREIGN.search(draft.path.name):
        return
    for offset, row in draft.rows():
        if row.lstrip().startswith(("#", ";")) or FOREIGN.search(row):
            continue
        for match in URL.finditer(row):
            place = offset + match.start()
            if own or draft.plan.unsafe:
                draft.replace(place, offset + match.end(), NEW)
                draft.tell(place, "rewritten", f"the driver `{match[0]}` is `{NEW}`")
            else:
                draft.tell(
                    place, "manual", "a URL names psycopg2", f"write `{NEW}` if only this project reads it"
                )
        for match in ENGINE.finditer(row):
            draft.replace(offset + match.start(), offset + match.end(), NEW_ENGINE)
            draft.tell(
                offset + match.start(), "rewritten", f"Django's backend `{match[0]}` is `{NEW_ENGINE}`"
            )


def alembic(draft: Draft) -> None:
    """URLs without a driver: SQLAlchemy before 2.1 takes psycopg2 for them."""
    for match in ALEMBIC.finditer(draft.text):
        start, end = match.span("scheme")
        if match["scheme"] == "postgres" or draft.plan.unsafe:
            draft.replace(start, end, NEW)
            draft.tell(start, "rewritten", f"`{match['scheme']}://` is `{NEW}://`")
        else:
            draft.tell(
                start,
                "manual",
                "SQLAlchemy before 2.1 takes psycopg2 for `postgresql://`",
                f"write `{NEW}://`",
            )
