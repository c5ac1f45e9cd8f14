"""A failure that the user can do something about."""


class Failure(Exception):  # noqa: N818  the user's word for it, not the interpreter's
    """One sentence that says what is wrong and where, and one that says what to do.

    :param what: what is wrong, without a full stop; an engine's own words may end as a question, and a program's last
        lines may follow.
    :param remedy: what to do, as an imperative sentence.
    """

    def __init__(self, what: str, remedy: str) -> None:
        stop = "\n" if "\n" in what else " " if what.endswith("?") else ". "
        super().__init__(f"{what}{stop}{remedy}")
