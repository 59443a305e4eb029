"""Wav2Lip (K. R. Prajwal et al., "A Lip Sync Expert Is All You Need", ACM Multimedia 2020), for checkpoints one has."""
