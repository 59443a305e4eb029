"""The published checkpoints' parameter names and ours: rules that are applied one after another."""

import re
from collections.abc import Callable

Rule = tuple[str, str | Callable[[re.Match[str]], str]]


def _one_less(template: str) -> Callable[[re.Match[str]], str]:
    """A replacement in which ``{}`` is the first group's number less one."""
    return lambda match: template.format(int(match[1]) - 1)


ATOM: list[Rule] = [
    (r"^null_cond_embed$", "no_speech_tokens"),
    (r"^null_cond_hidden$", "no_speech_vector"),
    (r"^face_null_cond_embed$", "no_identity_tokens"),
    (r"^time_mlp\.1\.", "time_embedding."),
    (r"^to_time_cond\.0\.", "time_vector."),
    (r"^to_time_tokens\.0\.", "time_tokens."),
    (r"^face_mlp\.0\.", "unread.face_embedding."),
    (r"^to_face_cond\.0\.", "unread.face_vector."),
    (r"^to_face_tokens\.0\.", "unread.face_tokens."),
    (r"^norm_cond\.", "memory_norm."),
    (r"^input_projection\.", "unread.all_in."),
    (r"^input_projection_lip\.", "lip_in."),
    (r"^input_projection_wo_lip\.", "other_in."),
    (r"^(cond|face|pos)_encoder\.(\d+)\.self_attn\.", r"\1_encoder.\2.attention."),
    (r"^cond_encoder\.", "speech_layers."),
    (r"^face_encoder\.", "identity_layers."),
    (r"^pos_encoder\.", "unread.pose_encoder."),
    (r"^cond_projection\.", "speech_in."),
    (r"^face_projection\.", "identity_in."),
    (r"^pos_projection\.", "unread.pose_in."),
    (r"^non_attn_cond_projection\.", "speech_vector."),
    (r"^non_attn_face_projection\.", "identity_vector."),
    (r"^non_attn_pos_projection\.", "unread.pose_vector."),
    (r"^seqTransDecoder\.stack\.(\d+)\.(linear[12])\.", r"unread.feed_forwards.\1.\2."),
    (r"^seqTransDecoder\.stack\.(\d+)\.linear3\.", r"layers.\1.split."),
    (r"^seqTransDecoder\.stack\.(\d+)\.self_attn\.", r"layers.\1.self_attention."),
    (r"^seqTransDecoder\.stack\.(\d+)\.multihead_attn\.", r"layers.\1.cross_attention."),
    (r"^seqTransDecoder\.stack\.(\d+)\.(film\d)\.block\.1\.", r"layers.\1.\2.linear."),
    (r"^seqTransDecoder\.stack\.", "layers."),
    (r"^final_layer\.", "out."),
    # One rotary embedding is shared by all layers, and written down once for each.
    (r"^(?:speech_layers|identity_layers|unread\.pose_encoder|layers)\.\d+\.rotary\.freqs$", "rotary.freqs"),
]

AUTOENCODER: list[Rule] = [
    (r"^(xy|yt|xt)_token$", r"pooling.\1.token"),
    (r"^(xy|yt|xt)_pos_embedding$", r"pooling.\1.places"),
    (r"^encoder\.to_patch_embedding\.", "patches_in."),
    (r"\.frame_rot_emb\.", ".in_time."),
    (r"\.image_rot_emb\.", ".in_space."),
    (r"^(xy|yt|xt)_quant_attn\.layers\.(\d+)\.0\.", r"pooling.\1.attentions.\2."),
    (r"^(xy|yt|xt)_quant_attn\.layers\.(\d+)\.1\.", r"pooling.\1.feed_forwards.\2."),
    (r"^((?:en|de)coder\.layers\.\d+)\.0\.", r"\1.time."),
    (r"^((?:en|de)coder\.layers\.\d+)\.1\.", r"\1.space."),
    (r"^((?:en|de)coder\.layers\.\d+)\.2\.", r"\1.feed_forward."),
    (r"\.fn\.to_qkv\.", ".qkv."),
    (r"\.fn\.to_out\.0\.", ".out."),
    (r"\.fn\.net\.0\.", ".inner."),
    (r"\.fn\.net\.3\.", ".out."),
    (r"^to_pixel\.1\.", "pixels_out."),
    (r"^pre_(xy|yt|xt)\.", r"to_plane.\1."),
    (r"^post_(xy|yt|xt)\.", r"from_plane.\1."),
]

MTOV: list[Rule] = [
    (r"^diffusion_model\.", ""),
    (r"^time_embed\.", "time_embedding."),
    (r"^input_blocks\.0\.0\.", "conv_in."),
    (r"^input_blocks\.(\d+)\.0\.", _one_less("down.{}.first.")),
    (r"^input_blocks\.(\d+)\.1\.", _one_less("down.{}.attention.")),
    (r"^input_attns\.(\d+)\.", _one_less("down_attentions.{}.")),
    (r"^middle_block\.0\.", "middle.first."),
    (r"^middle_block\.1\.", "middle.attention."),
    (r"^middle_block\.2\.", "middle.last."),
    (r"^mid_attn\.", "middle_attention."),
    (r"^output_bg_blocks\.", "unread.up."),
    (r"^output_bg_attns\.", "unread.up_attentions."),
    (r"^output_blocks\.", "up."),
    (r"^output_attns\.", "up_attentions."),
    (r"^((?:unread\.)?up\.\d+)\.0\.", r"\1.first."),
    (r"^((?:unread\.)?up\.\d+)\.[12]\.(?=norm|qkv|proj_out)", r"\1.attention."),
    (r"^((?:unread\.)?up\.\d+)\.[12]\.(?=in_layers|emb_layers|out_layers)", r"\1.last."),
    (r"\.in_layers\.0\.", ".norm1."),
    (r"\.in_layers\.2\.", ".conv1."),
    (r"\.emb_layers\.1\.", ".modulation."),
    (r"\.out_layers\.0\.", ".norm2."),
    (r"\.out_layers\.3\.", ".conv2."),
    (r"\.skip_connection\.", ".shortcut."),
    (r"\.proj_out\.", ".out."),
    (r"^out\.0\.", "norm_out."),
    (r"^out\.2\.", "conv_out."),
]

NOT_WEIGHTS = {"coords", "diffusion_model.zeros", "zeros"}
"""Constants in the published files that nothing reads: ``coords`` of the autoencoders, and ``zeros`` of MToV in the
authors' configuration for long videos."""


def our_name(published: str, rules: list[Rule]) -> str:
    """A published parameter's name among ours; one that no rule knows stays as it is."""
    for pattern, replacement in rules:
        published = re.sub(pattern, replacement, published)
    return published
