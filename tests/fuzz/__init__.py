"""Checks against servers that answer anything: recordings of real servers, mutated at random.

``conversation.py`` plays a recording back, ``mutations.py`` spoils it, ``kinds.py`` says what a check may overlook and
why, ``test_recordings.py`` compares each recording with its real server; ``FLOE_RECORD=1`` writes them anew.
"""
