"""Spanwise dashboards: boards, rules and provisioning generated from the standard."""
