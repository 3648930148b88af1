"""What a pass of the shadow shows in the Prefect UI: the table of its days, and a line for each of them."""

from __future__ import annotations

from pvbesscar.shadow.loop import Pass, book_of
from pvbesscar.shadow.words import HEAD, course_rows, summary
from schemas.settings import Settings
from tasks import artifacts

SHOWN_DAYS = 62


def show(settings: Settings, done: Pass) -> None:
    """Show the days so far, where the pass has closed one."""
    if not done.days:
        return
    book, name = book_of(settings), settings.shadow.name
    days = book.days()
    rows = [dict(zip(HEAD, row, strict=True)) for row in course_rows(days)]
    artifacts.table(artifacts.key("shadow", name, "courses"), rows, summary(days), str(book.page))
    lines = "\n".join(f"* {day.line}" for day in reversed(days[-SHOWN_DAYS:]))
    artifacts.markdown(artifacts.key("shadow", name, "days"), lines, f"The last days of shadow `{name}`.")
