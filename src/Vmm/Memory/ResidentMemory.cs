using System.Globalization;
using KvmSevVmm.Vmm.Host;

namespace KvmSevVmm.Vmm.Memory;

/// <summary>How much memory the monitor takes beside its guest, as the kernel counts it.</summary>
public static class ResidentMemory
{
    /// <summary>Peak resident bytes of this process, less the resident part of the guest's RAM.</summary>
    /// <param name="memory">The guest's RAM, still mapped.</param>
    /// <returns>Bytes, or null when /proc does not tell.</returns>
    /// <remarks>
    /// The peak is VmHWM of /proc/self/status; a guest's pages stay resident until the end, so taking them off at the end is exact.
    /// </remarks>
    public static ulong? MeasurePeakBesideGuest(GuestMemory memory)
    {
        try
        {
            ulong? peak = ProcFile.FindKilobytes("/proc/self/status", "VmHWM");
            ulong guest = ReadResident(memory);
            return peak > guest ? peak - guest : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static ulong ReadResident(GuestMemory memory)
    {
        ulong bytes = 0;
        bool isGuest = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            int dash = line.IndexOf('-', StringComparison.Ordinal);
            int space = line.IndexOf(' ', StringComparison.Ordinal);
            if (dash > 0
                && dash < space
                && ulong.TryParse(line.AsSpan(0, dash), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong start))
            {
                isGuest = IsGuest(memory, start);
            }
            else if (isGuest && ProcFile.TryGetValue(line, "Rss", out ReadOnlySpan<char> resident))
            {
                bytes += ProcFile.ParseKilobytes(resident) ?? 0;
            }
        }

        return bytes;
    }

    private static bool IsGuest(GuestMemory memory, ulong address)
    {
        foreach (GpaRange range in memory.Ranges)
        {
            ulong host = memory.GetHostAddress(range);
            if (address >= host && address - host < range.Length)
            {
                return true;
            }
        }

        return false;
    }
}
