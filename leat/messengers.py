"""Opens what sends messages: each medium's adapter when it is first asked for, since their libraries take time to import."""

from collections.abc import Callable, Iterator, Mapping

from domain.notifications.addresses import sender_of
from domain.ports.messages import Messenger
from leat import data_folder
from leat.settings import Settings


class Messengers(Mapping[str, Messenger]):
    """The messengers of a hub, by medium."""

    def __init__(self, settings: Settings) -> None:
        self._open: dict[str, Callable[[], Messenger]] = _openers(settings)
        self._opened: dict[str, Messenger] = {}

    def __getitem__(self, medium: str) -> Messenger:
        if medium not in self._opened:
            self._opened[medium] = self._open[medium]()
        return self._opened[medium]

    def __iter__(self) -> Iterator[str]:
        return iter(self._open)

    def __len__(self) -> int:
        return len(self._open)

    async def close(self) -> None:
        """Close those that were opened."""
        for messenger in self._opened.values():
            await messenger.close()


def _openers(settings: Settings) -> dict[str, Callable[[], Messenger]]:
    networks = settings.networks("webhook_networks")
    sender = sender_of(settings.mail_from)

    def smtp() -> Messenger:
        from adapters.mail.smtp import SmtpMessenger

        return SmtpMessenger(settings.mail.get_secret_value(), sender)

    def outbox() -> Messenger:
        from adapters.mail.outbox import Outbox

        return Outbox(settings.data / data_folder.OUTBOX, sender)

    def slack() -> Messenger:
        from adapters.slack.messenger import SlackMessenger

        return SlackMessenger(networks, settings.slack)

    def webhook() -> Messenger:
        from adapters.webhook.messenger import WebhookMessenger

        return WebhookMessenger(networks)

    found: dict[str, Callable[[], Messenger]] = {"SLACK": slack, "WEBHOOK": webhook}
    if settings.mail.get_secret_value():
        found["EMAIL"] = smtp
    elif settings.bus.startswith("embedded:"):
        found["EMAIL"] = outbox
    return found
