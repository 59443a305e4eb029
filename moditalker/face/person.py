"""Where in a picture people are, as opposed to what is behind them."""

import numpy as np

from moditalker.face.mediapipe_graphs import mediapipe_solutions, started


class PersonSegmenter:
    """MediaPipe's selfie segmentation (Apache-2.0), made for one person near a camera.

    Its model, MobileNetV3 on 256 x 256 pixels, travels inside the package, so it works offline. It must not be called
    from two threads at once, nor from a process that was forked after it was made.
    """

    def __init__(self) -> None:
        self._graph = started(mediapipe_solutions().selfie_segmentation.SelfieSegmentation, model_selection=0)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB -> (H, W) float32 from 0 to 1, how sure it is that a pixel belongs to a person."""
        mask = self._graph.process(np.ascontiguousarray(picture)).segmentation_mask
        return np.array(mask, np.float32)

    def close(self) -> None:
        """Give the graph's memory back."""
        self._graph.close()
