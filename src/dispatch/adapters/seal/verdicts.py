"""What an audit concludes: the tree as it was sealed and as it is found, held against each checkpoint on the way."""

from collections.abc import Callable, Sequence

from dispatch.adapters.seal.comparison import Compared
from dispatch.adapters.seal.tiles import LEVELS, TILE_BYTES, WIDTH
from dispatch.adapters.seal.witnesses import Witness
from dispatch.application.ports.evidence import Damage, DamageKind
from dispatch.domain.merkle import HASH_BYTES, Peaks, subtree

Place = Callable[[int], Damage | None]


class Findings:
    """Grows two trees, of which the second exists only once they differ, and remembers which checkpoint fits which."""

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        """The checkpoints in order of their size."""
        self.damage: list[Damage] = []
        self.roots: list[bytes] = []  # Of whole tiles, for the levels above.
        self._waiting = list(reversed(witnesses))
        self._suspects: list[tuple[int, Damage]] = []
        self._sealed, self._found = Peaks(), None
        self._sealed_good = self._found_good = 0  # The largest size at which the tree was the signed one.
        self._outside_good = 0
        self._failed: list[Witness] = []

    _found: Peaks | None

    @property
    def size(self) -> int:
        """How many events of the tree were looked at."""
        return self._sealed.size

    @property
    def is_clean(self) -> bool:
        """Nothing has been found so far, and nothing is suspected."""
        return not (self.damage or self._suspects or self._failed or self._waiting)

    def begin(self, size: int, tree: Peaks) -> None:
        """Begin behind a checkpoint that is trusted; smaller ones are not looked at."""
        self._sealed = tree
        self._sealed_good = self._found_good = self._outside_good = size
        while self._waiting and self._waiting[-1].size <= size:
            self._waiting.pop()

    def add(self, compared: Compared) -> None:
        """The next stretch of the ledger."""
        self.damage += compared.strays
        self._suspects += compared.changed
        if self._found is None and compared.sealed != compared.found:
            self._found = self._sealed.copy()
        before = self._sealed.size
        reached = before + len(compared.sealed) // HASH_BYTES
        if self._waiting and self._waiting[-1].size <= reached:
            sealed, found = self._sealed.copy(), None if self._found is None else self._found.copy()
            at = 0
            while self._waiting and self._waiting[-1].size <= reached:
                witness = self._waiting.pop()
                upto = (witness.size - before) * HASH_BYTES
                _grow(sealed, compared.sealed[at:upto])
                if found is not None:
                    _grow(found, compared.found[at:upto])
                at = upto
                self._hold_against(witness, sealed.root(), (found or sealed).root())
        self.roots += _grow(self._sealed, compared.sealed)
        if self._found is not None:
            _grow(self._found, compared.found)

    def conclude(self, place_of: Place) -> list[Damage]:
        """Everything that is wrong."""
        for index, damage in self._suspects:
            if index >= self._sealed_good and index < self._found_good:
                what = f"the stored tree is not the signed one at position {damage.position}; the event itself is right"
                self.damage.append(Damage(kind=DamageKind.TILE_CHANGED, what=what, position=damage.position))
            else:
                self.damage.append(damage)
        if self._waiting:
            self._conclude_tail(place_of)
        first_failed = True
        for witness in self._failed:
            if not witness.is_outside and witness.size <= max(self._sealed_good, self._found_good):
                what = f"the checkpoint of {witness.size} events in {witness.source} is signed, but of another tree"
                self.damage.append(Damage(kind=DamageKind.CHECKPOINT_CHANGED, what=what, size=witness.size))
            elif first_failed:
                first_failed = False
                self.damage.append(self._tree_changed(witness, place_of))
        return self.damage

    def _hold_against(self, witness: Witness, sealed: bytes, found: bytes) -> None:
        if sealed == witness.root:
            self._sealed_good = witness.size
        if found == witness.root:
            self._found_good = witness.size
        if witness.root not in (sealed, found):
            self._failed.append(witness)
        elif witness.is_outside:
            self._outside_good = witness.size

    def _conclude_tail(self, place_of: Place) -> None:
        """Checkpoints cover more events than there are."""
        largest, there = self._waiting[0], self._sealed.size
        last = place_of(there - 1) if there else None
        behind = "from the first one on" if not there else f"behind the first {there}"
        if last is not None:
            behind = f"behind position {last.position}"
        what = (
            f"{largest.size - there} sealed events are gone from the end, {behind}:"
            f" {largest.source} has a checkpoint of {largest.size} events, {there} are left"
        )
        position = last.position + 1 if last and last.position is not None else None
        self.damage.append(Damage(kind=DamageKind.TAIL_MISSING, what=what, size=largest.size, position=position))

    def _tree_changed(self, witness: Witness, place_of: Place) -> Damage:
        """The tiles agree with the events, so both were rewritten: the checkpoint before bounds where."""
        good = self._outside_good if witness.is_outside else max(self._sealed_good, self._found_good)
        first, last = place_of(good), place_of(witness.size - 1)
        where = f"between positions {first.position} and {last.position}" if first and last else "that it covers"
        what = (
            f"events {where} were rewritten together with the stored tree: they do not lead to the root that"
            f" the checkpoint of {witness.size} events in {witness.source} signs"
        )
        return Damage(
            kind=DamageKind.TREE_CHANGED,
            what=what,
            size=witness.size,
            position=first.position if first else None,
            stream=first.stream if first else None,
            version=first.version if first else None,
        )


def _grow(tree: Peaks, hashes: bytes) -> list[bytes]:
    """Add a stretch; answers the root of a whole tile."""
    if len(hashes) != TILE_BYTES or tree.size % WIDTH:
        tree.extend(hashes)
        return []
    root = subtree(hashes)
    tree.append(root, LEVELS)
    return [root]
