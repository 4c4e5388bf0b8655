"""Notices that many complaints are one: a hot issue opens, grows, calms down and closes; its tickets are linked (R3.7).

A Faust app of its own, so that nothing of it can delay the clocks (DESIGN 4).
"""
