"""Actions under way and done, as lines."""

from collections.abc import Iterator

from lab.views import formats
from lab.views.cells import Line, Span, Tone, pad
from lab.views.jobs import Job
from lab.views.view import View, marked, note

_LOG = 40


def line(view: View) -> Line:
    """What goes on, or how the newest action ended; empty when neither is news."""
    shown = view.jobs.to_show(view.epoch)
    if not shown:
        return ()
    job, others = shown[-1], len(shown) - 1
    more: Line = (Span(f"  +{others} more", Tone.MUTED),) if others else ()
    return (*_head(job, view), *_news(job), *more, Span(f"  {view.key('activity', 'A')} shows all", Tone.MUTED))


def _head(job: Job, view: View) -> Line:
    mark, tone = _mark(job)
    return (Span(f"{mark} ", tone), Span(formats.clean(job.title), Tone.STRONG), Span(_took(job, view), Tone.MUTED))


def _mark(job: Job) -> tuple[str, Tone]:
    if job.result is None:
        return "◐", Tone.ACCENT
    return ("✓", Tone.OK) if job.result.ok else ("✗", Tone.BAD)


def _took(job: Job, view: View) -> str:
    end = view.epoch if job.ended_at is None else job.ended_at
    return f" {formats.age(max(end - job.began_at, 0.0))}" if end - job.began_at >= 1 else ""


def _news(job: Job) -> Line:
    if job.result is None:
        return (Span(" · "), Span(formats.clean(job.lines[-1] if job.lines else "starting …")))
    tone = Tone.PLAIN if job.result.ok else Tone.BAD
    step: Line = (Span(" → ", Tone.MUTED), *marked(formats.clean(job.result.next))) if job.result.next else ()
    return (Span(" · "), Span(formats.clean(job.result.said), tone), *step)


def log(view: View) -> tuple[Line, ...]:
    """Every action kept, newest first, with what it said on the way and at its end."""
    if not view.jobs.all:
        holds = f"`{view.key('palette', ':')}` holds every action."
        return note("Nothing was done from this screen yet.", holds)
    return tuple(part for job in reversed(view.jobs.all) for part in _entry(job, view))


def _entry(job: Job, view: View) -> Iterator[Line]:
    began = Span(f"{formats.moment(job.began_at, view.now)}  ", Tone.MUTED)
    yield (began, *_head(job, view))
    if job.result is None:
        yield from (_said(text) for text in job.lines[-_LOG:])
    else:
        yield _said(job.result.said, Tone.PLAIN if job.result.ok else Tone.BAD)
        if job.result.next:
            yield (Span("  → ", Tone.MUTED), *marked(formats.clean(job.result.next)))
        yield from (_said(text) for text in job.result.lines[:_LOG])
        if not job.result.lines:
            yield from (_said(text) for text in job.lines[-_LOG:])
    yield ()


def _said(text: str, tone: Tone = Tone.MUTED) -> Line:
    return (*pad((), 4), Span(formats.clean(text), tone))
