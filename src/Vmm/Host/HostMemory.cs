using System.Globalization;

namespace KvmSevVmm.Vmm.Host;

/// <summary>How much memory the host has.</summary>
public static class HostMemory
{
    /// <summary>Refuses a guest that is larger than the host: it would start, and be killed when it touches its memory.</summary>
    /// <param name="guestBytes">The guest's RAM, in bytes.</param>
    /// <exception cref="HostLacksException">The host has less.</exception>
    public static void CheckHolds(ulong guestBytes)
    {
        if (ReadTotal() is { } total && guestBytes > total)
        {
            throw new HostLacksException(
                $"--memory: {guestBytes >> 20} MiB is more than this host has ({total >> 20} MiB)",
                "give the guest less with --memory");
        }
    }

    /// <summary>MemTotal of /proc/meminfo.</summary>
    /// <returns>Bytes, or null when /proc does not tell.</returns>
    private static ulong? ReadTotal()
    {
        const string Field = "MemTotal:";
        try
        {
            foreach (string line in File.ReadLines("/proc/meminfo"))
            {
                if (line.StartsWith(Field, StringComparison.Ordinal))
                {
                    string kilobytes = line[Field.Length..].Replace("kB", string.Empty, StringComparison.Ordinal).Trim();
                    bool isNumber = ulong.TryParse(kilobytes, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value);
                    return isNumber ? value * 1024 : null;
                }
            }
        }
        catch (IOException)
        {
            return null;
        }

        return null;
    }
}
