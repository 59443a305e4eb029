"""What a visitor says before anything is made."""

CONSENT = "I may use this face and this voice, and I will say that the video is AI-generated wherever I show it."
