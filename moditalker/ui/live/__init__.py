"""The Live tab, and the socket `/live` behind it: sound comes in, and a video of it goes out while it is made."""
