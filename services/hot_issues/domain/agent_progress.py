"""Whether the agent that reads ticket events goes on: if events wait and none is handled, it hangs. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class AgentProgress:
    """What was seen of the agent.

    Attributes:
        since: monotonic time in seconds since which events wait and none was handled.
        handled: number of events handled by then.

    """

    since: float
    handled: int = 0

    def observe(self, now: float, *, lag: int, handled: int, excused: bool) -> float:
        """Return the seconds for which events have waited and none was handled; 0.0 while all is well.

        Args:
            now: monotonic time, in seconds.
            lag: events that wait.
            handled: events handled since the start.
            excused: whether broker or database are away, so that none can be handled.

        """
        if lag == 0 or handled != self.handled or excused:
            self.since, self.handled = now, handled
        return now - self.since
