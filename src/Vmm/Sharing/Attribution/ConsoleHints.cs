using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>
/// What a Linux guest's console says of its memory: where its bounce buffers are. Fed from one thread, in bounded memory.
/// </summary>
/// <remarks>Source: Linux kernel/dma/swiotlb.c, swiotlb_print_info.</remarks>
public sealed partial class ConsoleHints
{
    private const int MostLineBytes = 512;

    private readonly byte[] _line = new byte[MostLineBytes];
    private readonly Lock _lock = new();
    private int _length;
    private GpaRange? _swiotlb;

    /// <summary>The range of <c>software IO TLB: mapped [mem …]</c>, whole pages; null when no such line came.</summary>
    public GpaRange? Swiotlb
    {
        get
        {
            lock (_lock)
            {
                return _swiotlb;
            }
        }
    }

    /// <summary>Reads a whole console log.</summary>
    /// <param name="input">The log; stays open.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static ConsoleHints Read(Stream input)
    {
        ConsoleHints hints = new();
        byte[] buffer = new byte[16 * 1024];
        int read;
        while ((read = input.Read(buffer, 0, buffer.Length)) > 0)
        {
            hints.Feed(buffer.AsSpan(0, read));
        }

        hints.Feed("\n"u8);
        return hints;
    }

    /// <summary>Takes the next bytes of the console.</summary>
    /// <param name="bytes">As the guest sent them; a line longer than 512 bytes is not looked at.</param>
    public void Feed(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int end = bytes.IndexOf((byte)'\n');
            ReadOnlySpan<byte> piece = end < 0 ? bytes : bytes[..end];
            if (piece.Length <= MostLineBytes - _length)
            {
                piece.CopyTo(_line.AsSpan(_length));
                _length += piece.Length;
            }
            else
            {
                _length = MostLineBytes;
            }

            if (end < 0)
            {
                return;
            }

            if (_length < MostLineBytes)
            {
                Look(_line.AsSpan(0, _length));
            }

            _length = 0;
            bytes = bytes[(end + 1)..];
        }
    }

    [GeneratedRegex(@"software IO TLB: mapped \[mem 0x([0-9a-f]{1,16})-0x([0-9a-f]{1,16})\]", RegexOptions.CultureInvariant)]
    private static partial Regex SwiotlbLine();

    private void Look(ReadOnlySpan<byte> line)
    {
        if (line.IndexOf("software IO TLB"u8) < 0)
        {
            return;
        }

        Match match = SwiotlbLine().Match(Encoding.Latin1.GetString(line));
        if (match.Success
            && ulong.TryParse(match.Groups[1].ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong start)
            && ulong.TryParse(match.Groups[2].ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong last)
            && last <= 1UL << RamRanges.AddressBits && start < last && GuestPage.IsAligned(start))
        {
            // Older kernels print the last address, newer ones the one behind it.
            lock (_lock)
            {
                _swiotlb = GpaRange.FromBounds(start, GuestPage.RoundUp(last));
            }
        }
    }
}
