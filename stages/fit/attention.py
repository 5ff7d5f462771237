"""Cross-attention from the segments of one modality to those of the other."""

import torch
from torch import Tensor, nn
from torch.nn import functional

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
    """Bias that falls with the logarithm of the gap in time, one slope a head.

    The slopes go from 0 (a head that looks at content alone) to 2 (a head that looks at what was
    said at the same moment). They are not learned: without a gradient for the bias torch fuses
    the attention, which at hundreds of segments takes a third of the time.

    References
    ----------
    Press et al., Train Short, Test Long, arXiv 2108.12409, for fixed slopes that differ by head.
    """

    slope: Tensor

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.register_buffer("slope", torch.linspace(0.0, 2.0, heads))

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Bias of shape (n_documents, n_heads, n_queries, n_keys), see `time_gaps`."""
        farness = torch.log1p(time_gaps(queries, keys))
        return -self.slope[None, :, None, None] * farness[:, None]


class CrossAttention(nn.Module):
    """One stream attends to the other: attention, residual, norm, feed-forward.

    Beside the segments stands a zero key with a zero value, so that a query may attend to
    nothing, and must where the document lacks the other modality.

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
        self.ask = _xavier(width, width)
        self.answer = _xavier(width, 2 * width)
        self.out = _xavier(width, width)
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
            x = x + self._attend(self.norm_query(x), own, self.norm_key(other_x), other)
        fed: Tensor = x + self.feed(x)
        return fed

    def _attend(self, x: Tensor, own: Stream, other_x: Tensor, other: Stream) -> Tensor:
        query = self._by_head(self.ask(x))
        key, value = map(self._by_head, self.answer(other_x).chunk(2, -1))
        key, value = (functional.pad(part, (0, 0, 0, 1)) for part in (key, value))
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=self._scores(own, other)
        )
        found: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return found

    def _by_head(self, x: Tensor) -> Tensor:
        """From (n_documents, n, width) to (n_documents, n_heads, n, width / n_heads)."""
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(1, 2)

    @torch.no_grad()
    def _scores(self, own: Stream, other: Stream) -> Tensor:
        """What is added to attention scores: -inf at padding, the time bias elsewhere.

        Returns
        -------
        Tensor of shape (n_documents, n_heads or 1, n_own or 1, n_other + 1)
        """
        absent = functional.pad(~other.mask, (0, 1), value=False)[:, None, None]
        if self.bias is None:
            return torch.zeros(absent.shape, device=absent.device).masked_fill_(absent, -torch.inf)
        # a time that is unknown has no gap, so the zero key, whose time is, has the bias 0
        times = functional.pad(other.times, (0, 0, 0, 1), value=torch.nan)
        bias: Tensor = self.bias(own.times, times)
        return bias.masked_fill_(absent, -torch.inf)


def _xavier(n_in: int, n_out: int) -> nn.Linear:
    linear = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
