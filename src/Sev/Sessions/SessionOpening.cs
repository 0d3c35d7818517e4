using KvmSevVmm.Sev.Psp;

namespace KvmSevVmm.Sev.Sessions;

/// <summary>What the platform's side found when it opened a session.</summary>
/// <param name="Status">The firmware's status code.</param>
/// <param name="Keys">The transport keys, for the caller to dispose; null unless the status is SUCCESS.</param>
/// <param name="Detail">Which check ended it, in words.</param>
public sealed record SessionOpening(PspStatus Status, TransportKeys? Keys, string Detail);
