using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>Names guest memory for the SEV commands.</summary>
internal static class GuestPieces
{
    /// <summary>The piece at a range of RAM.</summary>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="range">Guest addresses in one RAM range, at most 2 GiB.</param>
    /// <exception cref="ArgumentOutOfRangeException">Some of it is not RAM.</exception>
    internal static GuestPiece Of(GuestMemory memory, GpaRange range) =>
        new(range.Start.Value, memory.GetHostAddress(range), memory.GetSpan(range.Start, checked((int)range.Length)));
}
