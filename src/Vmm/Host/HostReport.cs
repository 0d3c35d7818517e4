using System.Collections.Immutable;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Host;

/// <summary>What a host offers, and what follows for each mode.</summary>
/// <param name="Checks">Every finding, in the order in which it was tried.</param>
/// <param name="Modes">A verdict for each <see cref="SevMode"/>.</param>
public sealed record HostReport(ImmutableArray<HostCheck> Checks, ImmutableArray<ModeVerdict> Modes)
{
    /// <summary>The verdict for one mode.</summary>
    /// <param name="mode">The mode.</param>
    public ModeVerdict this[SevMode mode] => Modes.Single(verdict => verdict.Mode == mode);
}
