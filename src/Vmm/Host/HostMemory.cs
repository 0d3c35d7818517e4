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
        try
        {
            return ProcFile.FindKilobytes("/proc/meminfo", "MemTotal");
        }
        catch (IOException)
        {
            return null;
        }
    }
}
