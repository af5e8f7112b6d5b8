"""How the demo speaks: numbered chapters and steps; what was asked, what was answered, why that is right."""

import os
import sys
import textwrap
import time

WIDTH = 96
LABEL = 10


class StoryBroken(Exception):
    """Something did not go as it must."""


class Teller:
    """Prints the story and counts its steps. Colours only where a person watches."""

    def __init__(self) -> None:
        self.colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.chapter_number = 0
        self.step_number = 0
        self.steps = 0
        self.doing = "the beginning"
        self.began = time.monotonic()

    def chapter(self, title: str, about: str = "") -> None:
        """Begin a chapter."""
        self.chapter_number += 1
        self.step_number = 0
        print()
        print(self._paint("1", f"{self.chapter_number}  {title.upper()}"))
        if about:
            print(textwrap.fill(about, WIDTH, initial_indent="   ", subsequent_indent="   "))

    def step(self, title: str) -> None:
        """Begin a step; a failure from here on names it."""
        self.step_number += 1
        self.steps += 1
        self.doing = f"{self.chapter_number}.{self.step_number} {title}"
        print()
        print(self._paint("1;34", f"{self.chapter_number}.{self.step_number}  {title}"), flush=True)

    def asked(self, text: str) -> None:
        """What was asked."""
        self._line("asked", text)

    def answered(self, text: str, *, refused: bool = False) -> None:
        """What was answered."""
        self._line("answered", text, "31" if refused else "32")

    def also(self, *lines: str) -> None:
        """Further lines of the answer."""
        for line in lines:
            self._line("", line)

    def right(self, why: str) -> None:
        """Why that is right."""
        self._line("right", why, "2")

    def must(self, holds: bool, otherwise: str) -> None:
        """Go on only if it holds.

        Raises:
            StoryBroken: it does not.
        """
        if not holds:
            raise StoryBroken(otherwise)

    def plain(self, text: str = "") -> None:
        """A line of its own."""
        print(text)

    def paragraph(self, text: str) -> None:
        """Some sentences."""
        print(textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False))

    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.began

    def _line(self, label: str, text: str, colour: str = "") -> None:
        for number, paragraph in enumerate(text.splitlines() or [""]):
            head = f"     {label if number == 0 else '':<{LABEL}}"
            wrapped = textwrap.wrap(paragraph, WIDTH - len(head), break_long_words=False, break_on_hyphens=False)
            for place, line in enumerate(wrapped or [""]):
                shown = head if place == 0 else " " * len(head)
                print(self._paint("2", shown) + self._paint(colour, line))

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colours and code else text
