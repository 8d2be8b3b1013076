"""How each kind of arm of a steering scorecard looks, the same in every figure."""

from __future__ import annotations

from cape.figures import theme as look

BASE = look.Style(light=look.INK["light"].text, dark=look.INK["dark"].text, symbol="x", size=11)
ARM_STYLES: dict[str, look.Style] = {
    "base": BASE,
    "steered": look.Style(light=look.BLUE, dark=look.SKY, symbol="star", size=15),
    "negative direction": look.Style(light=look.VERMILLION, dark=look.VERMILLION, symbol="triangle-down", size=12),
    "random direction": look.Style(light=look.GREY, dark=look.GREY, symbol="circle-open", size=7, dash="dot"),
    "shuffled labels": look.Style(light=look.PURPLE, dark=look.PURPLE, symbol="diamond", size=10),
    "prompt only": look.Style(light=look.GREEN, dark=look.GREEN, symbol="square", size=11),
    "other layer": look.Style(light=look.ORANGE, dark=look.ORANGE, symbol="triangle-up", size=10),
    "paper mode": look.Style(light=look.ORANGE, dark=look.ORANGE, symbol="hexagram", size=12),
    "endpoint, prompt only": look.Style(light=look.GREEN, dark=look.GREEN, symbol="square-open", size=11),
}
