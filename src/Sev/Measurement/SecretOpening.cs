using KvmSevVmm.Sev.Psp;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>What the firmware's side found when it opened a secret.</summary>
/// <param name="Status">The firmware's status code.</param>
/// <param name="Secret">The secret; null unless the status is SUCCESS.</param>
/// <param name="Detail">Which check ended it, in words.</param>
public sealed record SecretOpening(PspStatus Status, byte[]? Secret, string Detail);
