"""What the rewrites between drivers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from asyncdb_lint.migrate.command import Rewrite

if TYPE_CHECKING:
    from asyncdb_lint.migrate.between_drivers.direction import Direction


class DriverRewrite(Rewrite):
    """A rewrite for one direction, which a subclass names."""

    DIRECTION: ClassVar[Direction]
