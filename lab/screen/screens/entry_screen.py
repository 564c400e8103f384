"""One audit entry: verified, with its neighbours, and a walk along the trail."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from lab.governance.ledger import Entry
from lab.observe.snapshot import Slice
from lab.screen.binding import Binding, BindingType
from lab.screen.screens.detail_screen import DetailScreen, Page
from lab.screen.screens.fetching import Want
from lab.screen.screens.row_actions import browse, copy
from lab.screen.widgets.page import TextPage
from lab.screen.widgets.tabs import subject
from lab.views.cells import Line, PanelView
from lab.views.details import entry_views as present
from lab.views.document import Detail, page
from lab.views.links import data_of_entry, version_of_entry

if TYPE_CHECKING:
    from lab.observe.details.entry_source import EntryDetail, EntrySource


class EntryScreen(DetailScreen["EntrySource"]):
    """An audit entry in full; `n` and `p` go to the ones beside it."""

    KIND: ClassVar[str] = "audit"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "walk(1)", "Next entry"),
        Binding("p", "walk(-1)", "Entry before"),
        Binding("u", "run", "Its run"),
        Binding("V", "version", "Its version", show=False),
        Binding("d", "data", "Its data", show=False),
    ]

    def pages(self) -> Sequence[Page]:
        return [TextPage("entry", 1), TextPage("canonical", 2)]

    @property
    def seq(self) -> int:
        """The number of the entry that is shown."""
        return int(self.key)

    @property
    def detail(self) -> "EntryDetail | None":
        """The entry as fetched, once it is the one that is asked for."""
        found: EntryDetail | None = self.got("entry").value
        return found if found and found.seq == self.seq else None

    @property
    def known(self) -> Entry | None:
        """The entry, as fetched or as the snapshot has it."""
        if self.detail:
            return self.detail.entry
        listed = self.view.snapshot.audit.value
        return next((one for one in listed.entries if one.seq == self.seq), None) if listed else None

    def wants(self, details: "EntrySource") -> Sequence[Want]:
        # What stands behind the newest entry may come at any time; nothing else of an entry ever changes.
        return [
            Want(
                "entry",
                "The audit trail",
                lambda: details.entry(self.seq),
                every_s=2.0,
                until=lambda found: found.seq == self.seq and found.after.entry is not None,
            )
        ]

    def subject(self) -> Line:
        return subject(*present.subject_spans(self.seq, self.known, self.view))

    def must_be_listed(self) -> bool:
        """The snapshot holds only the newest; older ones are in the trail all the same."""
        return False

    def draw(self, name: str) -> PanelView:
        if self.recorded and self.known:
            return super().draw(name)
        part = self.got("entry")
        if part.value is not None and self.detail is None:
            part = replace(part, value=None) if part.error else Slice()
        if name == "canonical":
            return page("Canonical", part, self.view, "The object is empty.", present.canonical)
        return page("Entry", part, self.view, "The object is empty.", lambda found: present.entry(found, self.view))

    def action_walk(self, by: int) -> None:
        """To the entry after or before, as far as there is one."""
        head = self.view.snapshot.audit.value.length if self.view.snapshot.audit.value else 0
        last = max(head, self.detail.head if self.detail else 0, self.seq)
        if not 1 <= self.seq + by <= last:
            self.notify("There is no entry beyond this one.", timeout=2, markup=False)
            return
        self.key = str(self.seq + by)
        self.ask_again()
        self.show(self.view)

    def action_run(self) -> None:
        """The run that wrote the entry, in full."""
        known = self.known
        if known and known.run_id:
            self.open("runs", known.run_id)
        else:
            self.notify("No run wrote this entry.", timeout=2, markup=False)

    def action_version(self) -> None:
        """The model version that the entry is about, or that its run registered, in full."""
        if self.known and (key := version_of_entry(self.known, self.view)):
            self.open("models", key)
        else:
            self.notify("The entry is about no version that is known.", timeout=3, markup=False)

    def action_data(self) -> None:
        """The data that the entry names, in full."""
        if self.known and (digest := data_of_entry(self.known, self.view)):
            self.open("data", digest)
        else:
            self.notify("The entry names no data.", timeout=3, markup=False)

    def action_browse(self) -> None:
        browse(self, None)

    def action_copy(self) -> None:
        copied = present.copied(self.detail) if self.detail else present.as_json(self.known)
        copy(self, Detail("", (), copied))
