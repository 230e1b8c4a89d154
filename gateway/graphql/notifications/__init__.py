"""Notifications: what people are told, and by which channels."""

from gateway.graphql.notifications.channels import ChannelMutation, ChannelQuery, find_channel
from gateway.graphql.notifications.inbox import InboxMutation, InboxQuery, InboxSubscription
from gateway.graphql.notifications.notify import NotifyMutation
from gateway.graphql.nouns import Noun

CHANNELS = Noun(query=ChannelQuery, mutation=ChannelMutation, finders={"Channel": find_channel})
INBOX = Noun(query=InboxQuery, mutation=InboxMutation, subscription=InboxSubscription)
NOTIFY = Noun(mutation=NotifyMutation)
