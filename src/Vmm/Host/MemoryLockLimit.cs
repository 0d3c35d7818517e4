using System.Globalization;
using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Host;

/// <summary>
/// How much memory this process may pin, against what a SEV or SEV-ES guest wants: all its RAM, and a little more while it is launched.
/// </summary>
/// <param name="Bytes">The limit in bytes; <see cref="ResourceLimit.Unlimited"/> for none.</param>
/// <param name="IsLifted">Whether the process has CAP_IPC_LOCK, to which the limit does not apply.</param>
internal sealed record MemoryLockLimit(ulong Bytes, bool IsLifted)
{
    private const int IpcLockCapability = 14;

    /// <summary>What a guest of the default size wants pinned, in bytes.</summary>
    internal static ulong DefaultNeed => NeedOf(new VmConfig { Boot = new BootConfig(string.Empty, null, string.Empty) }.MemoryBytes);

    /// <summary>Whether a guest of the default size can be pinned.</summary>
    internal bool IsEnough => IsLifted || Bytes >= DefaultNeed;

    /// <summary>The limit in words.</summary>
    internal string Words => (IsLifted, Bytes) switch
    {
        (_, ResourceLimit.Unlimited) => "unlimited",
        (true, _) => string.Create(CultureInfo.InvariantCulture, $"{Bytes >> 10} KiB, which CAP_IPC_LOCK lifts for this process"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{Bytes >> 10} KiB"),
    };

    /// <summary>The cure, with the exact lines.</summary>
    internal static string Cure => string.Create(
        CultureInfo.InvariantCulture,
        $"ulimit -l {DefaultNeed >> 10} (as root, before kvmsev), or LimitMEMLOCK={DefaultNeed >> 20}M in the systemd unit; "
        + $"a larger guest wants as much more");

    /// <summary>What a guest wants pinned, in bytes.</summary>
    /// <param name="memoryBytes">Its RAM.</param>
    internal static ulong NeedOf(ulong memoryBytes) => memoryBytes + SevLaunch.LargestUpdate;

    /// <summary>Reads the limit of this process.</summary>
    /// <param name="process">The process's folder in /proc.</param>
    internal static MemoryLockLimit Read(string process)
    {
        bool isLifted = ulong.TryParse(
                ProcFile.Find(Path.Combine(process, "status"), "CapEff"),
                NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture,
                out ulong capabilities)
            && (capabilities & (1UL << IpcLockCapability)) != 0;
        return new MemoryLockLimit(ResourceLimit.GetLockedMemory().Soft, isLifted);
    }
}
