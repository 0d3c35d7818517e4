using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Host;

/// <summary>Whether <c>kvmsev run</c> can run a mode on this host.</summary>
/// <param name="Mode">The mode.</param>
/// <param name="IsUsable">True when everything that the mode needs was found.</param>
/// <param name="Reason">What decides it, one sentence.</param>
public sealed record ModeVerdict(SevMode Mode, bool IsUsable, string Reason);
