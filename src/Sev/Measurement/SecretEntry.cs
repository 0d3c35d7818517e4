namespace KvmSevVmm.Sev.Measurement;

/// <summary>One secret in a secret table.</summary>
/// <param name="Id">What the secret is for; the software in the guest looks for it by this.</param>
/// <param name="Data">The secret.</param>
public sealed record SecretEntry(Guid Id, ReadOnlyMemory<byte> Data);
