"""Methods side by side: the same portrait and recording through each, judged alike and shown in step."""
