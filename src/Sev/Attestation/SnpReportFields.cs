using System.Buffers.Binary;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>What goes into an attestation report, for whoever plays the firmware. Fields that are not set are zero.</summary>
public sealed record SnpReportFields
{
    /// <summary>The version of the report's layout: 2, 3 or 5.</summary>
    public uint Version { get; init; } = 3;

    /// <summary>The security version of the guest.</summary>
    public uint GuestSvn { get; init; }

    /// <summary>The guest's policy.</summary>
    public SnpPolicy Policy { get; init; } = SnpPolicy.Default;

    /// <summary>The name for a family of guests, 16 bytes or none.</summary>
    public ReadOnlyMemory<byte> FamilyId { get; init; }

    /// <summary>The name for the guest's image, 16 bytes or none.</summary>
    public ReadOnlyMemory<byte> ImageId { get; init; }

    /// <summary>The privilege level that asks, 0 to 3.</summary>
    public uint Vmpl { get; init; }

    /// <summary>The firmware that runs now.</summary>
    public TcbVersion CurrentTcb { get; init; }

    /// <summary>What the platform is like.</summary>
    public SnpPlatformInfo PlatformInfo { get; init; }

    /// <summary>Whether the ID key was signed by an author key.</summary>
    public bool HasAuthorKey { get; init; }

    /// <summary>Which key signs.</summary>
    public SnpSigningKey SigningKey { get; init; }

    /// <summary>What the guest gave, 64 bytes or none.</summary>
    public ReadOnlyMemory<byte> ReportData { get; init; }

    /// <summary>The launch digest, 48 bytes.</summary>
    public required ReadOnlyMemory<byte> Measurement { get; init; }

    /// <summary>What the host gave at the launch, 32 bytes or none.</summary>
    public ReadOnlyMemory<byte> HostData { get; init; }

    /// <summary>SHA-384 of the ID key, 48 bytes or none.</summary>
    public ReadOnlyMemory<byte> IdKeyDigest { get; init; }

    /// <summary>SHA-384 of the author key, 48 bytes or none.</summary>
    public ReadOnlyMemory<byte> AuthorKeyDigest { get; init; }

    /// <summary>The firmware's own name for the guest, 32 bytes or none.</summary>
    public ReadOnlyMemory<byte> ReportId { get; init; }

    /// <summary>The firmware that the signing key stands for.</summary>
    public TcbVersion ReportedTcb { get; init; }

    /// <summary>The processor's family; not written before version 3.</summary>
    public byte CpuidFamily { get; init; }

    /// <summary>The processor's model; not written before version 3.</summary>
    public byte CpuidModel { get; init; }

    /// <summary>The processor's stepping; not written before version 3.</summary>
    public byte CpuidStepping { get; init; }

    /// <summary>The chip's id, 64 bytes, fewer followed by zeros, or none.</summary>
    public ReadOnlyMemory<byte> ChipId { get; init; }

    /// <summary>The firmware below which the host cannot go.</summary>
    public TcbVersion CommittedTcb { get; init; }

    /// <summary>The version of the SNP firmware that runs now.</summary>
    public SnpFirmwareVersion CurrentVersion { get; init; }

    /// <summary>The version of the SNP firmware below which the host cannot go.</summary>
    public SnpFirmwareVersion CommittedVersion { get; init; }

    /// <summary>The firmware that ran at the launch.</summary>
    public TcbVersion LaunchTcb { get; init; }

    /// <summary>The mitigations at the launch; not written before version 5.</summary>
    public ulong LaunchMitigations { get; init; }

    /// <summary>The mitigations now; not written before version 5.</summary>
    public ulong CurrentMitigations { get; init; }

    /// <summary>Makes the report and signs it.</summary>
    /// <param name="key">The private endorsement key, on P-384; null leaves the report unsigned.</param>
    /// <exception cref="ArgumentException">A field is longer than its place.</exception>
    public SnpReport Sign(ECDsa? key)
    {
        byte[] bytes = new byte[SnpReport.Size];
        Write32(bytes, SnpReportLayout.Version, Version);
        Write32(bytes, SnpReportLayout.GuestSvn, GuestSvn);
        Write64(bytes, SnpReportLayout.Policy, Policy.Value);
        Write(bytes, SnpReportLayout.FamilyId, FamilyId, SnpReportLayout.IdSize);
        Write(bytes, SnpReportLayout.ImageId, ImageId, SnpReportLayout.IdSize);
        Write32(bytes, SnpReportLayout.Vmpl, Vmpl);
        Write32(bytes, SnpReportLayout.SignatureAlgorithm, SnpReport.EcdsaP384Sha384);
        Write64(bytes, SnpReportLayout.CurrentTcb, CurrentTcb.Value);
        Write64(bytes, SnpReportLayout.PlatformInfo, PlatformInfo.Value);
        uint flags = (HasAuthorKey ? 1U << SnpReportLayout.AuthorKeyBit : 0) | ((uint)SigningKey << SnpReportLayout.SigningKeyShift);
        Write32(bytes, SnpReportLayout.Flags, flags);
        Write(bytes, SnpReportLayout.ReportData, ReportData, SnpReportLayout.ReportDataSize);
        Write(bytes, SnpReportLayout.Measurement, Measurement, SnpReportLayout.DigestSize);
        Write(bytes, SnpReportLayout.HostData, HostData, SnpReportLayout.HostDataSize);
        Write(bytes, SnpReportLayout.IdKeyDigest, IdKeyDigest, SnpReportLayout.DigestSize);
        Write(bytes, SnpReportLayout.AuthorKeyDigest, AuthorKeyDigest, SnpReportLayout.DigestSize);
        Write(bytes, SnpReportLayout.ReportId, ReportId, SnpReportLayout.ReportIdSize);
        bytes.AsSpan(SnpReportLayout.ReportIdMa, SnpReportLayout.ReportIdSize).Fill(byte.MaxValue);
        Write64(bytes, SnpReportLayout.ReportedTcb, ReportedTcb.Value);
        Write(bytes, SnpReportLayout.ChipId, ChipId, SnpReportLayout.ChipIdSize);
        Write64(bytes, SnpReportLayout.CommittedTcb, CommittedTcb.Value);
        WriteVersion(bytes, SnpReportLayout.CurrentVersion, CurrentVersion);
        WriteVersion(bytes, SnpReportLayout.CommittedVersion, CommittedVersion);
        Write64(bytes, SnpReportLayout.LaunchTcb, LaunchTcb.Value);
        WriteLaterFields(bytes);
        if (key is not null)
        {
            AmdEcdsaSignature.Sign(
                key,
                bytes.AsSpan(0, SnpReport.SignedSize),
                HashAlgorithmName.SHA384,
                bytes.AsSpan(SnpReportLayout.Signature));
        }

        return SnpReport.Parse(bytes, "report");
    }

    private static void Write32(byte[] bytes, int offset, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset), value);

    private static void Write64(byte[] bytes, int offset, ulong value) =>
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(offset), value);

    private static void Write(byte[] bytes, int offset, ReadOnlyMemory<byte> value, int size)
    {
        if (value.Length > size)
        {
            throw new ArgumentException($"{value.Length} bytes for the field of {size} at 0x{offset:x}", nameof(value));
        }

        value.Span.CopyTo(bytes.AsSpan(offset));
    }

    private static void WriteVersion(byte[] bytes, int offset, SnpFirmwareVersion version) =>
        ((ReadOnlySpan<byte>)[version.Build, version.Minor, version.Major]).CopyTo(bytes.AsSpan(offset));

    private void WriteLaterFields(byte[] bytes)
    {
        if (Version >= 3)
        {
            bytes[SnpReportLayout.CpuidFamily] = CpuidFamily;
            bytes[SnpReportLayout.CpuidModel] = CpuidModel;
            bytes[SnpReportLayout.CpuidStepping] = CpuidStepping;
        }

        if (Version >= 5)
        {
            Write64(bytes, SnpReportLayout.LaunchMitigations, LaunchMitigations);
            Write64(bytes, SnpReportLayout.CurrentMitigations, CurrentMitigations);
        }
    }
}
