"""Repeat detection (重复投诉识别): R12–R16, R22."""
