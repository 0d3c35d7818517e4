using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Verification;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Measurement;

public sealed class IdBlockTests
{
    private static readonly byte[] Digest = SHA384.HashData("guest"u8);

    [Fact]
    public void Compose_VirteesSignatures_GiveItsFileByteForByte()
    {
        JsonElement file = Vectors.Json("virtee-sev/idblock.json");
        JsonElement inputs = file.GetProperty("inputs");
        using ECDsa idKey = ReadKey("virtee-sev/" + inputs.GetProperty("id_key").GetString());
        using ECDsa authorKey = ReadKey("virtee-sev/" + inputs.GetProperty("author_key").GetString());
        IdBlock block = IdBlock.Create(
            inputs.Hex("launch_digest"),
            ReadPolicy(inputs),
            inputs.Hex("family_id"),
            inputs.Hex("image_id"),
            inputs.GetProperty("guest_svn").GetUInt32());

        IdAuthentication authentication = IdAuthentication.Compose(
            idKey.ExportParameters(false),
            Vectors.Bytes("virtee-sev/idblock/test_id_sig.bin"),
            authorKey.ExportParameters(false),
            Vectors.Bytes("virtee-sev/idblock/test_auth_sig.bin"));

        JsonElement expected = file.GetProperty("expect");
        Assert.Equal(expected.GetProperty("id_block_b64").GetString(), block.ToString());
        Assert.Equal(Vectors.Bytes("virtee-sev/idblock/test_auth_block.bin"), authentication.Bytes);
        Assert.Equal(expected.Base64("id_key_digest_b64"), authentication.GetIdKeyDigest());
        Assert.Equal(expected.Base64("author_key_digest_b64"), authentication.GetAuthorKeyDigest());
        Assert.True(authentication.IsSigned(block));
        Assert.True(authentication.IsIdKeySigned());
    }

    [Fact]
    public void Create_SnpMeasuresKeys_GiveItsBlockAndDigests()
    {
        JsonElement file = Vectors.Json("virtee-sev-snp-measure/idblock.json");
        JsonElement inputs = file.GetProperty("inputs");
        using ECDsa idKey = ReadKey("virtee-sev-snp-measure/" + inputs.GetProperty("id_key").GetString());
        using ECDsa authorKey = ReadKey("virtee-sev-snp-measure/" + inputs.GetProperty("author_key").GetString());

        IdBlock block = IdBlock.Create(inputs.Base64("launch_digest_b64"), ReadPolicy(inputs));
        IdAuthentication authentication = IdAuthentication.Create(block, idKey, authorKey);

        JsonElement expected = file.GetProperty("expect");
        Assert.Equal(expected.GetProperty("id_block_b64").GetString(), block.ToString());
        Assert.Equal(expected.Base64("id_key_digest_b64"), authentication.GetIdKeyDigest());
        Assert.Equal(expected.Base64("author_key_digest_b64"), IdAuthentication.GetKeyDigest(authorKey.ExportParameters(false)));
        Assert.True(authentication.IsSigned(block));
        Assert.True(authentication.IsIdKeySigned());
    }

    [Fact]
    public void Parse_WhatWasCreated_GivesItBack()
    {
        using ECDsa idKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        byte[] family = [.. Enumerable.Range(0, 16).Select(value => (byte)value)];
        byte[] image = [.. Enumerable.Range(100, 16).Select(value => (byte)value)];
        IdBlock block = IdBlock.Create(Digest, SnpPolicy.Default, family, image, 7);

        IdBlock parsed = IdBlock.Parse(block.Bytes, "block");
        IdAuthentication authentication = IdAuthentication.Parse(IdAuthentication.Create(parsed, idKey, null).Bytes, "auth");

        Assert.Equal(Digest, parsed.LaunchDigest);
        Assert.Equal(family, parsed.FamilyId);
        Assert.Equal(image, parsed.ImageId);
        Assert.Equal((7U, SnpPolicy.Default), (parsed.GuestSvn, parsed.Policy));
        Assert.False(authentication.HasAuthorKey);
        Assert.False(authentication.IsIdKeySigned());
        Assert.Equal(new byte[48], authentication.GetAuthorKeyDigest());
        Assert.True(authentication.IsSigned(parsed));
        Assert.False(authentication.IsSigned(IdBlock.Create(Digest, SnpPolicy.Default)));
    }

    [Fact]
    public void Read_RawOrBase64_SaysWhich()
    {
        using ECDsa idKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        IdBlock block = IdBlock.Create(Digest, SnpPolicy.Default);
        IdAuthentication authentication = IdAuthentication.Create(block, idKey, idKey);
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, block.ToString());
            Assert.Equal(block.Bytes, IdBlock.Read(path, out BlobEncoding encoding).Bytes);
            Assert.Equal(BlobEncoding.Base64, encoding);
            File.WriteAllBytes(path, authentication.Bytes.ToArray());
            Assert.Equal(authentication.Bytes, IdAuthentication.Read(path, out encoding).Bytes);
            Assert.Equal(BlobEncoding.Raw, encoding);
            Assert.Throws<SevFormatException>(() => IdBlock.Read(path, out _));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Verify_WhatTheFirmwareWouldRefuse_Fails()
    {
        using ECDsa idKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using ECDsa authorKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        IdBlock block = IdBlock.Create(Digest, SnpPolicy.Default);
        IdBlock other = IdBlock.Create(SHA384.HashData("other"u8), SnpPolicy.Default);
        IdAuthentication authentication = IdAuthentication.Create(block, idKey, authorKey);
        IdAuthentication alone = IdAuthentication.Create(block, idKey, null);

        Assert.Equal(CheckOutcome.Pass, IdBlockVerifier.Verify(block, authentication, true, Digest, SnpPolicy.Default).Verdict);
        Assert.Equal(["id-block.signature"], FailuresOf(IdBlockVerifier.Verify(other, authentication, true, default, null)));
        Assert.Equal(
            ["id-block.launch-digest", "id-block.policy"],
            FailuresOf(IdBlockVerifier.Verify(block, authentication, true, other.LaunchDigest, new SnpPolicy(0x20000))));
        Assert.Equal(["id-key.signature"], FailuresOf(IdBlockVerifier.Verify(block, alone, true, Digest, SnpPolicy.Default)));
        VerificationReport partly = IdBlockVerifier.Verify(block, alone, false, default, null);
        Assert.Equal(CheckOutcome.NotChecked, partly.Verdict);
        Assert.Equal(CheckOutcome.Pass, partly.Find("id-block.signature")!.Outcome);
    }

    // The signature that must catch a flip is the one that covers it, or whose own bit it is.
    [Fact]
    public void Verify_AnyBitFlipped_IsRefused()
    {
        using ECDsa idKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using ECDsa authorKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        IdBlock block = IdBlock.Create(Digest, SnpPolicy.Default);
        byte[] valid = IdAuthentication.Create(block, idKey, authorKey).Bytes.ToArray();
        Parallel.ForEach(BitFlips.Of(valid), flip =>
        {
            try
            {
                IdAuthentication damaged = IdAuthentication.Parse(flip.Damaged, "damaged");
                bool isAccepted = flip.Bit / 8 < 0x644 ? damaged.IsSigned(block) : damaged.IsIdKeySigned();
                Assert.False(isAccepted, $"bit {flip.Bit}");
            }
            catch (SevFormatException refusal)
            {
                Assert.False(string.IsNullOrEmpty(refusal.Field));
            }
        });
        IdAuthentication authentication = IdAuthentication.Parse(valid, "valid");
        foreach ((int bit, byte[] damaged) in BitFlips.Of(block.Bytes.ToArray()))
        {
            bool isVersion = bit / 8 is >= 0x50 and < 0x54;
            Assert.True(isVersion || !authentication.IsSigned(IdBlock.Parse(damaged, "damaged")), $"bit {bit}");
            Assert.True(!isVersion || Assert.Throws<SevFormatException>(() => IdBlock.Parse(damaged, "damaged")).Field == "version");
        }
    }

    [Fact]
    public void Parse_TruncatedOrMutated_OnlyRefuses()
    {
        using ECDsa idKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        IdBlock block = IdBlock.Create(Digest, SnpPolicy.Default);
        byte[] authentication = IdAuthentication.Create(block, idKey, idKey).Bytes.ToArray();

        Fuzz.Truncate(block.Bytes.ToArray(), bytes => IdBlock.Parse(bytes, "fuzz"));
        Fuzz.Mutate([block.Bytes.ToArray()], bytes => IdBlock.Parse(bytes, "fuzz"), Fuzz.MutationCount / 4);
        Fuzz.Truncate(authentication, bytes => IdAuthentication.Parse(bytes, "fuzz"));
        Fuzz.Mutate([authentication], bytes => IdAuthentication.Parse(bytes, "fuzz"), Fuzz.MutationCount / 4);
    }

    [Fact]
    public void Create_WrongCurveOrLength_IsRefused()
    {
        using ECDsa p256 = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using ECDsa p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        IdBlock block = IdBlock.Create(Digest, SnpPolicy.Default);

        Assert.Throws<ArgumentException>(() => IdAuthentication.Create(block, p256, null));
        Assert.Throws<ArgumentException>(() => IdAuthentication.Create(block, p384, p256));
        Assert.Throws<ArgumentException>(() => IdBlock.Create(new byte[47], SnpPolicy.Default));
        Assert.Throws<ArgumentException>(() => IdBlock.Create(Digest, SnpPolicy.Default, new byte[15]));
        Assert.Throws<ArgumentException>(() => IdAuthentication.Compose(p384.ExportParameters(false), new byte[144], null, default));
    }

    private static SnpPolicy ReadPolicy(JsonElement inputs) => new(
        ulong.Parse(inputs.GetProperty("policy").GetString()![2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture));

    private static IEnumerable<string> FailuresOf(VerificationReport report) => report.Failures.Select(check => check.Name);

    private static ECDsa ReadKey(string path)
    {
        ECDsa key = ECDsa.Create();
        key.ImportFromPem(Vectors.Text(path));
        return key;
    }
}
