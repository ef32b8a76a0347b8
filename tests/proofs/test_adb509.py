"""ADB509 credentials-in-url."""

import marshal

import sqlalchemy as sa

LITERAL = 'url = "postgresql+asyncpg://app:s3cret@db/app"'
FROM_OUTSIDE = 'import os\nurl = os.environ["DATABASE_URL"]'


def test_the_compiled_file_holds_it() -> None:
    assert b"s3cret" in marshal.dumps(compile(LITERAL, "db.py", "exec"))
    assert b"s3cret" not in marshal.dumps(compile(FROM_OUTSIDE, "db.py", "exec"))


def test_sqlalchemy_hides_it_only_when_it_prints() -> None:
    url = sa.make_url("postgresql+asyncpg://app:s3cret@db/app")

    assert "s3cret" not in str(url)
    assert "s3cret" in url.render_as_string(hide_password=False)
