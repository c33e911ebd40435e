"""The event bus: bounded, never blocking, honest about what was lost."""

from auricle.bus import EventBus
from auricle.model.events import ErrorRaised, Lagged


def error(number: int) -> ErrorRaised:
    return ErrorRaised(code=str(number), message="")


async def test_every_subscriber_gets_every_event_in_order() -> None:
    bus = EventBus()
    with bus.subscribe() as first, bus.subscribe() as second:
        for number in range(3):
            bus.publish(error(number))
        bus.close()
        assert [event.code async for event in first if isinstance(event, ErrorRaised)] == ["0", "1", "2"]
        assert [event.code async for event in second if isinstance(event, ErrorRaised)] == ["0", "1", "2"]


async def test_a_slow_subscriber_loses_the_oldest_and_is_told_how_many() -> None:
    bus = EventBus()
    with bus.subscribe(size=2) as slow, bus.subscribe(size=9) as quick:
        for number in range(5):
            bus.publish(error(number))
        bus.close()
        got = [event async for event in slow]
        assert isinstance(got[0], Lagged)
        assert got[0].count == 3
        assert [event.code for event in got[1:] if isinstance(event, ErrorRaised)] == ["3", "4"]
        assert len([event async for event in quick]) == 5


async def test_a_subscription_that_ended_gets_no_more() -> None:
    bus = EventBus()
    with bus.subscribe() as subscription:
        pass
    bus.publish(error(1))
    subscription.close()
    assert [event async for event in subscription] == []


async def test_an_event_is_told_once_all_who_vouch_have_confirmed_it() -> None:
    bus, told = EventBus(), []
    with bus.subscribe() as watching, bus.subscribe(vouches=True) as first:
        with bus.subscribe(vouches=True) as second:
            event = error(1)
            bus.publish(event, lambda: told.append("one"))
            watching.confirm(event)
            first.confirm(event)
            assert told == []
            second.confirm(error(1))  # another event that is alike
            assert told == []
            second.confirm(event)
            second.confirm(event)
            assert told == ["one"]
            other = error(2)
            bus.publish(other, lambda: told.append("two"))
            first.confirm(other)
            assert told == ["one"]
        # Who has gone is not waited for.
        assert told == ["one", "two"]
    bus.publish(error(3), lambda: told.append("three"))
    assert told == ["one", "two", "three"]


async def test_what_a_slow_subscriber_loses_is_not_waited_for() -> None:
    bus, told = EventBus(), []
    with bus.subscribe(size=1, vouches=True):
        bus.publish(error(1), lambda: told.append(1))
        assert told == []
        bus.publish(error(2))
        assert told == [1]
