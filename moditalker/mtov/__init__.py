"""MToV, motion to video: the tri-plane autoencoder, the denoiser, and their block sampler."""
