namespace KvmSevVmm.Sev.Attestation;

/// <summary>One certificate in the table that a host gives its guests.</summary>
/// <param name="Id">What it is; see <see cref="CertificateTable"/>.</param>
/// <param name="Data">The certificate, DER as a rule.</param>
public sealed record CertificateTableEntry(Guid Id, ReadOnlyMemory<byte> Data);
