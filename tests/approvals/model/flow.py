"""How many places distinct persons fill: a maximum flow, worked out otherwise than the product does."""

from collections import deque
from collections.abc import Mapping


def quorum(wanted: Mapping[str, int], able: Mapping[str, set[str]]) -> int:
    """The greatest number of places that distinct persons fill, each one place."""
    return sum(filled(wanted, able).values())


def filled(wanted: Mapping[str, int], able: Mapping[str, set[str]]) -> dict[str, int]:
    """The places that distinct persons fill per requirement, earlier ones first: a maximum flow (Edmonds and Karp).

    The source gives a requirement one place more at a time; a shortest augmenting path takes it to a person's one place in
    the sink, or there is none. A path found never takes back what the source gave before.

    Args:
        wanted: places per requirement. able: persons per requirement.
    """
    room = {(key, person): 1 for key in wanted for person in able[key]}
    room.update({(person, key): 0 for key, person in room})
    people = dict.fromkeys(person for key in wanted for person in able[key])
    free = set(people)  # persons whose edge to the sink has room
    flow = dict.fromkeys(wanted, 0)
    for key, places in wanted.items():
        for _place in range(places):
            came: dict[str, str] = {key: ""}
            todo = deque([key])
            end = ""
            while todo and not end:
                here = todo.popleft()
                for there in people if here in wanted else wanted:
                    if there not in came and room.get((here, there)):
                        came[there] = here
                        todo.append(there)
                        if there in free:
                            end = there
                            break
            if not end:
                break  # nor would a further place of it be filled
            free.discard(end)
            while came[end]:
                room[came[end], end] -= 1
                room[end, came[end]] += 1
                end = came[end]
            flow[key] += 1
    return flow
