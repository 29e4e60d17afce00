"""Tells the owners of a flow what the gate decided: messages, channels, the right moment, and delivery at least once."""

from .channels import Channel, MailServer, Settings, channel_of, mail_server_of
from .message import Notice, digest_of, notice_as_json, notice_from_json
from .relay import Outcome, Relayed, Send, relay
from .rendering import json_body, mail, short, slack_body, teams_body, text_of
from .sending import send
from .timing import Due, Pending, Quiet, due, next_attempt, planned_at, quiet_until, ready_at
from .webhook import post_body

__all__ = [
    "Channel", "Due", "MailServer", "Notice", "Outcome", "Pending", "Quiet", "Relayed", "Send", "Settings", "channel_of",
    "digest_of", "due", "json_body", "mail", "mail_server_of", "next_attempt", "notice_as_json", "notice_from_json",
    "planned_at", "post_body", "quiet_until", "ready_at", "relay", "send", "short", "slack_body", "teams_body", "text_of",
]  # fmt: skip
