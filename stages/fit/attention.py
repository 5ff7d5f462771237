"""Cross-attention from the segments of one modality to those of the other."""

import torch
from torch import Tensor, nn

from hilbert.stages.fit.batches import Stream


def time_gaps(queries: Tensor, keys: Tensor) -> Tensor:
    """Seconds between spans: 0 where they overlap, touch, or a time is unknown.

    Parameters
    ----------
    queries : Tensor of shape (n_documents, n_queries, 2)
        Start and end in seconds, NaN where unknown.
    keys : Tensor of shape (n_documents, n_keys, 2)

    Returns
    -------
    Tensor of shape (n_documents, n_queries, n_keys)
    """
    after = queries[:, :, None, 0] - keys[:, None, :, 1]  # query starts after the key's end
    before = keys[:, None, :, 0] - queries[:, :, None, 1]
    return torch.maximum(after, before).clamp(min=0.0).nan_to_num(0.0)


class TimeBias(nn.Module):
    """Learned bias that falls with the logarithm of the gap in time, one slope a head.

    The slopes start from 0 (a head that looks at content alone) to 2 (a head that looks at
    what was said at the same moment).

    References
    ----------
    Press et al., Train Short, Test Long, arXiv 2108.12409, for slopes that differ by head.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.linspace(0.0, 2.0, heads))

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Bias of shape (n_documents, n_heads, n_queries, n_keys), see `time_gaps`."""
        nearness = -torch.log1p(time_gaps(queries, keys))
        return self.slope[None, :, None, None] * nearness[:, None]


class CrossAttention(nn.Module):
    """One stream attends to the other: attention, residual, norm, feed-forward.

    Parameters
    ----------
    width, heads : int
    time_bias : bool
        Whether attention depends on the distance in time.
    crosses : bool
        Without it nothing is attended to, and the feed-forward is all there is (ablation).
    """

    def __init__(self, width: int, heads: int, time_bias: bool, *, crosses: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.crosses = crosses
        self.bias = TimeBias(heads) if time_bias else None
        self.norm_query = nn.LayerNorm(width)
        self.norm_key = nn.LayerNorm(width)
        # add_zero_attn: a zero key and value stand beside the segments, so that a query may
        # attend to nothing, and must where the document lacks the other modality
        self.attend = nn.MultiheadAttention(width, heads, add_zero_attn=True, batch_first=True)
        self.feed = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
        )

    def forward(self, x: Tensor, own: Stream, other_x: Tensor, other: Stream) -> Tensor:
        """Segments of one stream that know of the other.

        Parameters
        ----------
        x : Tensor of shape (n_documents, n_own, width)
            Projected segments that ask.
        own, other : Stream
            Give masks and times.
        other_x : Tensor of shape (n_documents, n_other, width)
            Projected segments that are asked.

        Returns
        -------
        Tensor of shape (n_documents, n_own, width)
        """
        if self.crosses:
            keys, scores = self.norm_key(other_x), self._scores(own, other)
            query = self.norm_query(x)
            x = x + self.attend(query, keys, keys, attn_mask=scores, need_weights=False)[0]
        fed: Tensor = x + self.feed(x)
        return fed

    def _scores(self, own: Stream, other: Stream) -> Tensor:
        """What is added to attention scores: -inf at padding, the time bias elsewhere.

        Returns
        -------
        Tensor of shape (n_documents * n_heads, n_own, n_other)
        """
        shape = (len(own.mask), self.heads, own.mask.shape[1], other.mask.shape[1])
        bias = self.bias(own.times, other.times) if self.bias else own.x.new_zeros(shape)
        return bias.masked_fill(~other.mask[:, None, None, :], -torch.inf).flatten(0, 1)
