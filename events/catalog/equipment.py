"""Equipment for the home: the order for oxygen drafted, signed, sent, acknowledged, delivered, or withdrawn."""

from typing import Literal

from pydantic import Field

from events.catalog.base import EventData, OxygenFlow, Text
from events.envelope import Id


class HomeOxygenOrderDrafted(EventData):
    """An order for oxygen at home was prepared for signature. Sent by the platform or the EMR. Flow in L/min."""

    order_id: Id = Field(description="The order's id in the EMR.")
    vendor_id: Id = Field(description="The equipment vendor it is meant for.")
    flow_l_min: OxygenFlow = Field(description="Oxygen flow to be delivered, L/min, 0-100.")


class HomeOxygenOrderSigned(EventData):
    """A provider signed the order. Sent by the platform or the EMR."""

    order_id: Id = Field(description="The order's id in the EMR.")


class HomeOxygenOrderCosigned(EventData):
    """An attending physician, not the signer, co-signed the order. Sent by the platform or the EMR."""

    order_id: Id = Field(description="The order's id in the EMR.")


class HomeOxygenOrderCancelled(EventData):
    """The order is not wanted any more. Sent by the platform or the EMR."""

    reason: Text = Field(description="Why, in the words of whoever cancelled.")


class OrderSendingRequested(EventData):
    """A person asked to send the order to the vendor again. Sent by the platform. No data."""


class VendorAcknowledged(EventData):
    """The vendor has the order and takes it on: "sent" is not "received". Sent by the platform or the EMR."""

    order_id: Id = Field(description="The order's id in the EMR.")


class VendorDeclined(EventData):
    """The vendor cannot or will not deliver. Sent by the platform or the EMR."""

    reason: Text = Field(description="Why, in the vendor's words.")


class EquipmentDelivered(EventData):
    """The equipment was handed over and shown to work. Sent by the platform or the EMR."""

    place: Literal["bedside", "home"] = Field(description="Where it was handed over: bedside or home.")


class VendorTold(EventData):
    """The vendor was told that an order is cancelled, and confirmed it. Sent by the platform or the EMR. No data."""
