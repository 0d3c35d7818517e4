using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;
using KvmSevVmm.Sev.Tests.Sessions;
using KvmSevVmm.Sev.Verification;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Psp;

public sealed class PspLaunchTests
{
    public static TheoryData<string> SevToolCases => SessionVectorTests.SevToolCases;

    [Theory]
    [InlineData(0U)]
    [InlineData(5U)]
    public void Launch_WithAnOwner_IsMeasuredAndTakesTheSecret(uint policy)
    {
        using PspHarness harness = new(policy);
        SevCertificateChain chain = harness.Psp.ExportChain();
        Assert.False(SevChainVerifier.Verify(chain, PspAuthority.TrustingModel).HasFailures);

        harness.Start();
        Assert.True(harness.Session!.Keys.HasSameKeys(harness.Guest.Keys!));
        harness.Update();
        byte[] launched = PspHarness.Data;
        if (harness.Policy.EncryptedState)
        {
            harness.Guest.LaunchUpdateVmsa();
            launched = [.. launched, .. PspHarness.Vmsa];
        }

        harness.Measure();
        CheckResult check = LaunchMeasure.Verify(
            harness.Measurement!,
            harness.Session.Keys.Tik,
            harness.Psp.GetStatus().Firmware,
            harness.Policy,
            SHA256.HashData(launched));
        Assert.Equal(CheckOutcome.Pass, check.Outcome);
        byte[] target = new byte[PspHarness.Secret.Length];
        harness.Inject(target);
        Assert.Equal(PspHarness.Secret, target);
        harness.Guest.LaunchFinish();

        byte[] report = harness.Guest.GetAttestationReport(PspHarness.Nonce);
        LegacyAttestationReport parsed = LegacyAttestationReport.Parse(report, "report");
        Assert.Equal(SHA256.HashData(launched), parsed.LaunchDigest.ToArray());
        Assert.Equal(PspHarness.Nonce, parsed.Nonce.ToArray());
        Assert.Equal(harness.Policy, parsed.Policy);
        Assert.True(AmdEcdsaSignature.Verify(
            chain.Pek.GetEcPublicKey(),
            report.AsSpan(0, LegacyAttestationReport.SignedSize),
            HashAlgorithmName.SHA256,
            parsed.Signature));
    }

    [Fact]
    public void ExportChain_WithoutBeingToldToTrustTheModel_IsRefused()
    {
        using SoftwarePsp psp = SoftwarePsp.Create();

        VerificationReport report = SevChainVerifier.Verify(psp.ExportChain(), TrustAnchors.AmdOnly);

        Assert.Equal(["ark.pinned"], report.Failures.Select(check => check.Name));
        Assert.Equal("KVMSEV-MODEL-ARK"u8.ToArray(), SoftwarePsp.ExportAuthority().Ark.KeyId.ToArray());
        Assert.Equal("KVMSEV-MODEL-ASK"u8.ToArray(), SoftwarePsp.ExportAuthority().Ask.KeyId.ToArray());
        PdhExport export = psp.ExportPdh();
        Assert.True(SevCertificateChain.ParsePlatformExport(export.Pdh.Span, export.Chain.Span, "pdh", "chain").Cek.IsUnsigned);
    }

    [Theory]
    [MemberData(nameof(SevToolCases))]
    public void LaunchStart_SevToolsSessions_GivesTheirKeys(string folder)
    {
        using VectorLaunch launch = new(folder);
        if (launch.Vector.Policy.EncryptedState)
        {
            launch.Guest.Initialize(SevGuestKind.SevEs);
        }
        else
        {
            launch.Guest.Initialize(SevGuestKind.Sev);
        }

        launch.Start(launch.Vector.Session, launch.Vector.Policy);

        Assert.Equal(launch.Vector.Keys, launch.Guest.Keys!.Combined.ToArray());
    }

    [Fact]
    public void LaunchStart_AnotherPolicyOrAChangedSession_IsBadMeasurement()
    {
        using VectorLaunch launch = new("session/s_00");
        launch.Guest.Initialize(SevGuestKind.Sev);

        for (int bit = 0; bit < SessionBlob.Size * 8; bit += 5)
        {
            byte[] damaged = [.. launch.Vector.Session];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            PspHarness.Refused(PspStatus.BadMeasurement, () => launch.Start(damaged, launch.Vector.Policy));
        }

        PspHarness.Refused(PspStatus.BadMeasurement, () => launch.Start(launch.Vector.Session, new SevPolicy(1)));
        PspHarness.Refused(PspStatus.InvalidLength, () => launch.Start(launch.Vector.Session[..127], launch.Vector.Policy));
        Assert.Equal(SevGuestState.Uninitialized, launch.Guest.GetGuestStatus().State);
        Assert.Equal(0U, launch.Psp.GetStatus().GuestCount);
    }

    [Fact]
    public void Launch_SevToolsFullFlow_MeasuresAndOpensTheSecret()
    {
        JsonElement expect = Vectors.Json("amd-sev-tool/full-flow/expect.json");
        using VectorLaunch launch = new("full-flow", new SevFirmwareVersion(0, 24, 15));
        byte[] expected = Vectors.Bytes("amd-sev-tool/full-flow/packaged_secret.bin");
        byte[] target = new byte[expected.Length];
        launch.Guest.Initialize(SevGuestKind.SevEs);
        launch.Start(launch.Vector.Session, launch.Vector.Policy);

        LaunchMeasurement measurement = launch.Guest.LaunchMeasureWith(expect.Hex("mnonce"), expect.Hex("launch_digest"));
        launch.Guest.InjectSecret(
            TransportPacket.Parse(Vectors.Bytes("amd-sev-tool/full-flow/packaged_secret_header.bin"), expected, "secret"),
            new GuestPiece(0, 0, target));

        Assert.Equal(expect.Hex("measure"), measurement.Measure.ToArray());
        byte[] secret = Vectors.Bytes("amd-sev-tool/full-flow/secret.txt");
        Assert.Equal(secret, target[..secret.Length]);
    }

    [Fact]
    public void LaunchStart_Gates_AnswerInTheFirmwaresOrder()
    {
        using PspHarness harness = new(options: new PspOptions { Firmware = new SevFirmwareVersion(1, 40, 0) });
        SevPolicy newer = SevPolicy.Parse("api-major=1,api-minor=41");

        PspHarness.Refused(PspStatus.PolicyFailure, () => StartWith(harness, newer));
        PspHarness.Refused(PspStatus.PolicyFailure, () => StartWith(harness, new SevPolicy(0x40)));
        PspHarness.Refused(PspStatus.PolicyFailure, () => harness.Guest.LaunchStart(new LaunchStartRequest(newer, default, default)));
        PspHarness.Refused(PspStatus.PolicyFailure, () => harness.Guest.LaunchStart(new(new SevPolicy(0x8000), default, default)));
        PspHarness.Refused(PspStatus.InvalidAsid, () => StartWith(harness, new SevPolicy(4)));
        StartWith(harness, SevPolicy.Parse("api-major=1,api-minor=40"));
    }

    [Fact]
    public void LaunchStart_EsOnAPlatformWithout_IsUnsupported()
    {
        using SoftwarePsp psp = SoftwarePsp.Create(new PspOptions { IsEncryptedStateConfigured = false });
        using SoftwareSevGuest guest = psp.CreateGuest();

        Assert.Null(Assert.Throws<SevCommandFailedException>(() => guest.Initialize(SevGuestKind.SevEs)).Status);
        guest.Initialize(SevGuestKind.Sev);
        PspHarness.Refused(PspStatus.Unsupported, () => guest.LaunchStart(new LaunchStartRequest(new SevPolicy(4), default, default)));
        Assert.False(psp.GetStatus().IsEsEnabled);
    }

    [Fact]
    public void LaunchUpdate_BadPieces_AreRefusedAndNotMeasured()
    {
        using PspHarness harness = new();
        harness.Start();

        PspHarness.Refused(PspStatus.InvalidAddress, () => harness.Guest.LaunchUpdateData(new GuestPiece(8, 0, new byte[16])));
        PspHarness.Refused(PspStatus.InvalidLength, () => harness.Guest.LaunchUpdateData(new GuestPiece(16, 0, new byte[8])));
        PspHarness.Refused(PspStatus.InvalidLength, () => harness.Guest.LaunchUpdateData(new GuestPiece(16, 0, [])));
        Assert.Null(Assert.Throws<SevCommandFailedException>(harness.Guest.LaunchUpdateVmsa).Status);
        harness.Update();
        harness.Measure();

        Assert.Equal(
            LaunchMeasure.Compute(
                harness.Session!.Keys.Tik,
                harness.Psp.GetStatus().Firmware,
                harness.Policy,
                SHA256.HashData(PspHarness.Data),
                harness.Measurement!.Nonce),
            harness.Measurement.Measure.ToArray());
    }

    [Fact]
    public void LaunchUpdateVmsa_PolicyWithoutEsOrAShortSaveArea_IsRefused()
    {
        using SoftwarePsp psp = SoftwarePsp.Create();
        using SoftwareSevGuest guest = psp.CreateGuest(static () => [new byte[4096], new byte[4095]]);
        guest.Initialize(SevGuestKind.SevEs);
        guest.LaunchStart(new LaunchStartRequest(new SevPolicy(4), default, default));

        PspHarness.Refused(PspStatus.InvalidLength, guest.LaunchUpdateVmsa);
        LaunchMeasurement measurement = guest.LaunchMeasure();

        // Nothing of the refused save areas was measured; without an owner the key is zeros.
        Assert.Equal(
            LaunchMeasure.Compute(new byte[16], psp.GetStatus().Firmware, new SevPolicy(4), SHA256.HashData([]), measurement.Nonce),
            measurement.Measure.ToArray());
    }

    [Fact]
    public void InjectSecret_EveryBitFlipped_IsBadMeasurement()
    {
        using PspHarness harness = new();
        harness.GoTo(SevGuestState.LaunchSecret);
        TransportPacket packet = LaunchSecret.Package(
            harness.Session!.Keys,
            harness.Measurement!,
            PspHarness.Secret,
            SystemRandomSource.Instance);
        byte[] target = new byte[PspHarness.Secret.Length];

        foreach ((int bit, byte[] damaged) in BitFlips.Of([.. packet.Header, .. packet.Data]))
        {
            TransportPacket other = TransportPacket.Parse(damaged.AsSpan(0, 52), damaged.AsSpan(52), "packet");
            PspStatus? status = PspHarness.StatusOf(() => harness.Guest.InjectSecret(other, new GuestPiece(0, 0, target)));
            Assert.True(status == PspStatus.BadMeasurement, $"bit {bit}: {status}");
        }

        Assert.Equal(new byte[target.Length], target);
        PspHarness.Refused(PspStatus.InvalidAddress, () => harness.Guest.InjectSecret(packet, new GuestPiece(1, 0, target)));
        PspHarness.Refused(PspStatus.InvalidLength, () => harness.Guest.InjectSecret(packet, new GuestPiece(0, 0, new byte[48])));
        PspHarness.Refused(PspStatus.InvalidLength, () => harness.Guest.InjectSecret(packet, new GuestPiece(0, 0, new byte[0x5010])));
        harness.Guest.InjectSecret(packet, new GuestPiece(0, 0, target));
        Assert.Equal(PspHarness.Secret, target);
    }

    [Fact]
    public void Debug_UnderNoDebug_IsPolicyFailure()
    {
        using PspHarness harness = new(policy: 1);
        harness.GoTo(SevGuestState.Running);
        byte[] page = new byte[4096];

        PspHarness.Refused(PspStatus.PolicyFailure, () => harness.Guest.DebugDecrypt(new GuestPiece(0, 0, harness.Memory), page));
        PspHarness.Refused(PspStatus.PolicyFailure, () => harness.Guest.DebugEncrypt(page, new GuestPiece(0, 0, harness.Memory)));
        Assert.Equal(PspHarness.Data, harness.Memory);
    }

    [Fact]
    public void Scramble_HidesMemoryFromTheHostAndNotFromTheFirmware()
    {
        using PspHarness harness = new(options: new PspOptions { Scramble = true });
        harness.GoTo(SevGuestState.LaunchSecret);
        byte[] plain = new byte[4096];

        Assert.NotEqual(PspHarness.Data, harness.Memory);
        harness.Guest.DebugDecrypt(new GuestPiece(PspHarness.Gpa, 0, harness.Memory), plain);
        Assert.Equal(PspHarness.Data, plain);

        // The same bytes elsewhere are other plain text: memory cannot be moved.
        harness.Guest.DebugDecrypt(new GuestPiece(PspHarness.Gpa + 4096, 0, harness.Memory), plain);
        Assert.NotEqual(PspHarness.Data, plain);

        byte[] target = new byte[PspHarness.Secret.Length];
        harness.Inject(target);
        Assert.NotEqual(PspHarness.Secret, target);
        byte[] secret = new byte[target.Length];
        harness.Guest.DebugDecrypt(new GuestPiece(PspHarness.Gpa, 0, target), secret);
        Assert.Equal(PspHarness.Secret, secret);
        harness.Guest.DebugEncrypt(PspHarness.Secret, new GuestPiece(PspHarness.Gpa, 0, target));
        harness.Guest.DebugDecrypt(new GuestPiece(PspHarness.Gpa, 0, target), secret);
        Assert.Equal(PspHarness.Secret, secret);
        PspHarness.Refused(PspStatus.InvalidAddress, () => harness.Guest.DebugDecrypt(new GuestPiece(1, 0, target), secret));
    }

    [Fact]
    public void Regions_AreUnregisteredOnlyAsTheyWereRegistered()
    {
        using SoftwarePsp psp = SoftwarePsp.Create();
        using SoftwareSevGuest guest = psp.CreateGuest();
        GuestMemoryRegion region = new(0, 0x10000, 0x2000);
        Assert.StartsWith(
            "KVM_MEMORY_ENCRYPT_REG_REGION failed: ENOTTY (25). ",
            Assert.Throws<SevCommandFailedException>(() => guest.RegisterRegion(region)).Message,
            StringComparison.Ordinal);
        guest.Initialize(SevGuestKind.Sev);
        Assert.StartsWith(
            "KVM_SEV_INIT2 failed: EINVAL (22). ",
            Assert.Throws<SevCommandFailedException>(() => guest.Initialize(SevGuestKind.Sev)).Message,
            StringComparison.Ordinal);

        guest.RegisterRegion(region);
        Assert.Throws<SevCommandFailedException>(() => guest.UnregisterRegion(region with { Length = 0x1000 }));
        guest.UnregisterRegion(region);
        Assert.Throws<SevCommandFailedException>(() => guest.UnregisterRegion(region));
        Assert.Throws<SevCommandFailedException>(() => guest.RegisterRegion(region with { Length = 0 }));
    }

    private static void StartWith(PspHarness harness, SevPolicy policy)
    {
        using LaunchSession session = LaunchSession.Create(harness.Psp.ExportChain().Pdh, policy, SystemRandomSource.Instance);
        harness.Guest.LaunchStart(new LaunchStartRequest(policy, session.Godh.Bytes.ToArray(), session.Session.Bytes.ToArray()));
    }

    private sealed class VectorLaunch : IDisposable
    {
        internal VectorLaunch(string folder, SevFirmwareVersion? firmware = null)
        {
            Vector = SevToolSession.Read(folder);
            Psp = SoftwarePsp.Create(new PspOptions { Firmware = firmware ?? SessionVectorTests.Firmware });
            using ECDiffieHellman pdh = Vector.ImportPdh();
            Psp.ReplacePdh(pdh);
            Guest = Psp.CreateGuest();
        }

        internal SevToolSession Vector { get; }

        internal SoftwarePsp Psp { get; }

        internal SoftwareSevGuest Guest { get; }

        internal void Start(byte[] session, SevPolicy policy) =>
            Guest.LaunchStart(new LaunchStartRequest(policy, Vector.Godh, session));

        public void Dispose()
        {
            Guest.Dispose();
            Psp.Dispose();
        }
    }
}
