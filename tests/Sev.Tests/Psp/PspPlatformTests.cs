using System.Security.Cryptography;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Psp;

public sealed class PspPlatformTests
{
    private static readonly PspOptions Seeded = new() { Seed = "a seed" };

    [Fact]
    public void ImportPek_OwnersSignature_MakesThePlatformTheirs()
    {
        using SoftwarePsp psp = SoftwarePsp.Create();
        SevCertificateChain before = psp.ExportChain();
        (byte[] pek, byte[] oca) = SignByOwner(psp);

        psp.ImportPek(pek, oca);

        SevCertificateChain after = psp.ExportChain();
        Assert.False(SevChainVerifier.Verify(after, PspAuthority.TrustingModel).HasFailures);
        Assert.Equal(oca, after.Oca.Bytes.ToArray());
        Assert.Equal(before.Pek.Body.ToArray(), after.Pek.Body.ToArray());
        Assert.NotEqual(before.Pdh.Body.ToArray(), after.Pdh.Body.ToArray());
        Assert.True(psp.GetStatus().IsExternallyOwned);
        PspHarness.Refused(PspStatus.AlreadyOwned, () => psp.ImportPek(pek, oca));

        psp.GeneratePek();
        Assert.False(psp.GetStatus().IsExternallyOwned);
        Assert.False(SevChainVerifier.Verify(psp.ExportChain(), PspAuthority.TrustingModel).HasFailures);
        PspHarness.Refused(PspStatus.InvalidCertificate, () => psp.ImportPek(pek, oca));
    }

    [Fact]
    public void ImportPek_WhatIsNotInOrder_IsRefusedInTheFirmwaresOrder()
    {
        using SoftwarePsp psp = SoftwarePsp.Create();
        using SoftwarePsp other = SoftwarePsp.Create();
        (byte[] pek, byte[] oca) = SignByOwner(psp);
        (byte[] strangersPek, byte[] strangersOca) = SignByOwner(other);

        PspHarness.Refused(PspStatus.InvalidLength, () => psp.ImportPek(pek.AsSpan(1), oca));
        PspHarness.Refused(PspStatus.InvalidLength, () => psp.ImportPek(pek, []));
        PspHarness.Refused(PspStatus.InvalidCertificate, () => psp.ImportPek(pek, pek));
        PspHarness.Refused(PspStatus.BadSignature, () => psp.ImportPek(pek, Flip(oca, 0x41C)));
        PspHarness.Refused(PspStatus.BadSignature, () => psp.ImportPek(Flip(pek, 0x41C), oca));
        PspHarness.Refused(PspStatus.BadSignature, () => psp.ImportPek(pek, strangersOca));
        PspHarness.Refused(PspStatus.InvalidCertificate, () => psp.ImportPek(strangersPek, strangersOca));
        PspHarness.Refused(PspStatus.InvalidCertificate, () => psp.ImportPek(psp.RequestPekSignature(), oca));
        Assert.False(psp.GetStatus().IsExternallyOwned);
        psp.ImportPek(pek, oca);
    }

    [Fact]
    public void RequestPekSignature_IsThePekWithoutSignatures()
    {
        using SoftwarePsp psp = SoftwarePsp.Create();

        SevCertificate request = SevCertificate.Parse(psp.RequestPekSignature(), "csr");

        Assert.True(request.IsUnsigned);
        Assert.Equal(psp.ExportChain().Pek.Body.ToArray(), request.Body.ToArray());
    }

    [Fact]
    public void FactoryReset_KeepsTheChipAndNothingElse()
    {
        using SoftwarePsp psp = SoftwarePsp.Create();
        Own(psp);
        SevCertificateChain before = psp.ExportChain();
        byte[] id = psp.GetId();

        psp.FactoryReset();

        Assert.Equal(SevPlatformState.Uninitialized, psp.GetStatus().State);
        SevCertificateChain after = psp.ExportChain();
        Assert.Equal(SevPlatformState.Initialized, psp.GetStatus().State);
        Assert.False(psp.GetStatus().IsExternallyOwned);
        Assert.Equal(before.Cek.Body.ToArray(), after.Cek.Body.ToArray());
        Assert.Equal(id, psp.GetId());
        Assert.NotEqual(before.Oca.Body.ToArray(), after.Oca.Body.ToArray());
        Assert.NotEqual(before.Pek.Body.ToArray(), after.Pek.Body.ToArray());
        Assert.NotEqual(before.Pdh.Body.ToArray(), after.Pdh.Body.ToArray());
        Assert.False(SevChainVerifier.Verify(after, PspAuthority.TrustingModel).HasFailures);
    }

    [Fact]
    public void GeneratePdh_VoidsOldSessions()
    {
        using PspHarness harness = new();
        using LaunchSession session =
            LaunchSession.Create(harness.Psp.ExportChain().Pdh, harness.Policy, SystemRandomSource.Instance);

        harness.Psp.GeneratePdh();

        PspHarness.Refused(
            PspStatus.BadMeasurement,
            () => harness.Guest.LaunchStart(
                new LaunchStartRequest(harness.Policy, session.Godh.Bytes.ToArray(), session.Session.Bytes.ToArray())));
    }

    [Fact]
    public void Guests_AreCountedAndFreed()
    {
        using SoftwarePsp psp = SoftwarePsp.Create();
        using SoftwareSevGuest first = Launch(psp);
        using SoftwareSevGuest second = Launch(psp);

        Assert.Equal([1U, 2U], [first.GetGuestStatus().Handle, second.GetGuestStatus().Handle]);
        Assert.Equal(2U, psp.GetStatus().GuestCount);
        first.Dispose();
        first.Dispose();
        using SoftwareSevGuest third = Launch(psp);
        Assert.Equal(1U, third.GetGuestStatus().Handle);
        second.Dispose();
        third.Dispose();
        Assert.Equal(SevPlatformState.Initialized, psp.GetStatus().State);
        Assert.Throws<ObjectDisposedException>(() => first.GetGuestStatus());
    }

    [Fact]
    public void LaunchStart_MoreGuestsThanThePlatformTakes_IsResourceLimit()
    {
        using SoftwarePsp psp = SoftwarePsp.Create();
        List<SoftwareSevGuest> guests = [];
        for (uint index = 0; index < SoftwarePsp.MaximumGuests; index++)
        {
            guests.Add(Launch(psp));
        }

        PspHarness.Refused(PspStatus.ResourceLimit, () => Launch(psp));
        guests[17].Dispose();
        Launch(psp).Dispose();
        guests.ForEach(guest => guest.Dispose());
        Assert.Equal(0U, psp.GetStatus().GuestCount);
    }

    [Fact]
    public void Create_SameSeed_GivesTheSameKeysAndNonces()
    {
        (byte[] Bodies, byte[] Id, LaunchMeasurement Measurement) first = Play(Seeded);
        (byte[] Bodies, byte[] Id, LaunchMeasurement Measurement) again = Play(Seeded);
        (byte[] Bodies, byte[] Id, LaunchMeasurement Measurement) other = Play(new PspOptions { Seed = "another" });
        (byte[] Bodies, byte[] Id, LaunchMeasurement Measurement) unseeded = Play(new PspOptions());

        Assert.Equal(first.Bodies, again.Bodies);
        Assert.Equal(first.Id, again.Id);
        Assert.Equal(first.Measurement.Bytes.ToArray(), again.Measurement.Bytes.ToArray());
        Assert.NotEqual(first.Bodies, other.Bodies);
        Assert.NotEqual(first.Measurement.Nonce.ToArray(), other.Measurement.Nonce.ToArray());
        Assert.NotEqual(first.Id, unseeded.Id);

        static (byte[] Bodies, byte[] Id, LaunchMeasurement Measurement) Play(PspOptions options)
        {
            using SoftwarePsp psp = SoftwarePsp.Create(options);
            psp.GeneratePdh();
            SevCertificateChain chain = psp.ExportChain();
            using SoftwareSevGuest guest = Launch(psp);
            return ([.. chain.Pdh.Body, .. chain.Pek.Body, .. chain.Oca.Body, .. chain.Cek.Body], psp.GetId(), guest.LaunchMeasure());
        }
    }

    [Fact]
    public void Create_WithoutSeed_NothingCanBeForetold()
    {
        using SoftwarePsp first = SoftwarePsp.Create();
        using SoftwarePsp second = SoftwarePsp.Create();

        // Not the first keys alone: whatever is drawn later too.
        first.FactoryReset();
        second.FactoryReset();
        SevCertificateChain one = first.ExportChain();
        SevCertificateChain other = second.ExportChain();
        using SoftwareSevGuest guest = Launch(first);
        using SoftwareSevGuest stranger = Launch(second);

        Assert.NotEqual(one.Oca.Body.ToArray(), other.Oca.Body.ToArray());
        Assert.NotEqual(one.Pek.Body.ToArray(), other.Pek.Body.ToArray());
        Assert.NotEqual(one.Pdh.Body.ToArray(), other.Pdh.Body.ToArray());
        Assert.NotEqual(one.Cek.Body.ToArray(), other.Cek.Body.ToArray());
        Assert.NotEqual(guest.LaunchMeasure().Nonce.ToArray(), stranger.LaunchMeasure().Nonce.ToArray());
    }

    [Fact]
    public void Create_Seeded_NeverDrawsTheSameTwice()
    {
        using SoftwarePsp psp = SoftwarePsp.Create(Seeded);
        using SoftwareSevGuest first = Launch(psp);
        using SoftwareSevGuest second = Launch(psp);
        byte[] pdh = psp.ExportPdh().Pdh.ToArray();

        psp.GeneratePdh();

        Assert.NotEqual(pdh.AsSpan(0, SevCertificate.BodySize).ToArray(), psp.ExportPdh().Pdh.Span[..SevCertificate.BodySize].ToArray());
        Assert.NotEqual(first.LaunchMeasure().Nonce.ToArray(), second.LaunchMeasure().Nonce.ToArray());
    }

    [Fact]
    public void GetStatus_SaysWhatThePlatformIs()
    {
        using SoftwarePsp psp = SoftwarePsp.Create(new PspOptions { Firmware = new SevFirmwareVersion(1, 51, 3) });

        Assert.Equal(
            new SevPlatformStatus(new SevFirmwareVersion(1, 51, 3), SevPlatformState.Initialized, false, true, 0),
            psp.GetStatus());
        Assert.Equal(64, psp.GetId().Length);
        Assert.True(psp.GetSnpStatus().IsInitialized);
        Assert.Equal(new SnpFirmwareVersion(1, 51, 3), psp.GetSnpStatus().Firmware);
    }

    /// <summary>What an owner sends back for a platform's request: the signed PEK, and the owner's certificate.</summary>
    internal static (byte[] Pek, byte[] Oca) SignByOwner(SoftwarePsp psp)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        return (Sign(psp, key), MakeOca(key));
    }

    /// <summary>Gives platforms one owner.</summary>
    internal static void Own(params SoftwarePsp[] platforms)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        byte[] oca = MakeOca(key);
        foreach (SoftwarePsp psp in platforms)
        {
            psp.ImportPek(Sign(psp, key), oca);
        }
    }

    internal static SoftwareSevGuest Launch(SoftwarePsp psp)
    {
        SoftwareSevGuest guest = psp.CreateGuest();
        try
        {
            guest.Initialize(SevGuestKind.Sev);
            guest.LaunchStart(default);
            return guest;
        }
        catch
        {
            guest.Dispose();
            throw;
        }
    }

    private static byte[] MakeOca(ECDsa key) => TestPlatform.Make(SevKeyUsage.Oca, key).Sign(key, SevKeyUsage.Oca).Bytes.ToArray();

    private static byte[] Sign(SoftwarePsp psp, ECDsa key) =>
        SevCertificate.Parse(psp.RequestPekSignature(), "csr").Sign(key, SevKeyUsage.Oca).Bytes.ToArray();

    private static byte[] Flip(byte[] bytes, int offset)
    {
        byte[] damaged = [.. bytes];
        damaged[offset] ^= 1;
        return damaged;
    }
}
