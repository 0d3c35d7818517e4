using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Commands;

/// <summary>What GUEST_STATUS returns.</summary>
/// <param name="Handle">The firmware's guest handle.</param>
/// <param name="Policy">The guest's policy.</param>
/// <param name="State">Its state.</param>
public readonly record struct SevGuestStatus(uint Handle, SevPolicy Policy, SevGuestState State);
