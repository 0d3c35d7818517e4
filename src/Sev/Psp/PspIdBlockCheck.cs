using System.Buffers.Binary;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Psp;

/// <summary>How SNP_LAUNCH_FINISH checks an ID block: digest, policy, key algorithms, ID key, author key, in this order.</summary>
/// <remarks>Source: AMD's published firmware 1.55.25. <see cref="IdAuthentication.Parse"/> refuses more than it does.</remarks>
internal static class PspIdBlockCheck
{
    private const int AuthorAlgorithmOffset = 4;
    private const int BlockSignatureOffset = 0x40;
    private const int IdKeyOffset = 0x240;
    private const int KeySignatureOffset = 0x680;
    private const int AuthorKeyOffset = 0x880;
    private const int CoordinateSize = 48;

    /// <summary>Checks.</summary>
    /// <param name="command">The command.</param>
    /// <param name="request">Its parameters, with an ID block of 96 and an authentication of 4096 bytes.</param>
    /// <param name="digest">The guest's launch digest, 48 bytes.</param>
    /// <param name="policy">The guest's policy.</param>
    /// <returns>The ID block.</returns>
    /// <exception cref="SevCommandFailedException">BAD_MEASUREMENT, POLICY_FAILURE, INVALID_PARAM or BAD_SIGNATURE.</exception>
    internal static IdBlock Check(string command, in SnpLaunchFinishRequest request, ReadOnlySpan<byte> digest, SnpPolicy policy)
    {
        IdBlock block;
        try
        {
            block = IdBlock.Parse(request.IdBlock.Span, "ID block");
        }
        catch (SevFormatException fault)
        {
            throw PspFault.Firmware(command, PspStatus.InvalidParam, fault.Message);
        }

        ReadOnlySpan<byte> authentication = request.IdAuthentication.Span;
        PspFault.Require(
            block.LaunchDigest.SequenceEqual(digest),
            command,
            PspStatus.BadMeasurement,
            $"the ID block is for the launch digest {Convert.ToHexStringLower(block.LaunchDigest)}, "
            + $"the guest's is {Convert.ToHexStringLower(digest)}");
        PspFault.Require(
            block.Policy == policy,
            command,
            PspStatus.PolicyFailure,
            $"the ID block is for the policy {block.Policy}, the guest's is {policy}");
        uint idAlgorithm = BinaryPrimitives.ReadUInt32LittleEndian(authentication);
        uint authorAlgorithm = BinaryPrimitives.ReadUInt32LittleEndian(authentication[AuthorAlgorithmOffset..]);
        PspFault.Require(
            idAlgorithm == IdAuthentication.EcdsaP384Sha384
            && (!request.HasAuthorKey || authorAlgorithm == IdAuthentication.EcdsaP384Sha384),
            command,
            PspStatus.InvalidParam,
            $"the key algorithms {idAlgorithm} and {authorAlgorithm} are not 1 (ECDSA P-384 with SHA-384)");
        ReadOnlySpan<byte> idKey = authentication.Slice(IdKeyOffset, AmdEcKey.Size);
        ReadOnlySpan<byte> authorKey = authentication.Slice(AuthorKeyOffset, AmdEcKey.Size);
        PspFault.Require(
            IsSigned(idKey, block.Bytes, authentication.Slice(BlockSignatureOffset, AmdEcdsaSignature.FieldSize)),
            command,
            PspStatus.BadSignature,
            "the ID block is not signed by the ID key");
        PspFault.Require(
            !request.HasAuthorKey || IsSigned(authorKey, idKey, authentication.Slice(KeySignatureOffset, AmdEcdsaSignature.FieldSize)),
            command,
            PspStatus.BadSignature,
            "the ID key is not signed by the author key");
        return block;
    }

    /// <summary>SHA-384 of the ID key, 48 bytes.</summary>
    /// <param name="request">The command's parameters.</param>
    internal static byte[] GetIdKeyDigest(in SnpLaunchFinishRequest request) =>
        SHA384.HashData(request.IdAuthentication.Span.Slice(IdKeyOffset, AmdEcKey.Size));

    /// <summary>SHA-384 of the author key, 48 bytes; empty where the command names none.</summary>
    /// <param name="request">The command's parameters.</param>
    internal static byte[] GetAuthorKeyDigest(in SnpLaunchFinishRequest request) => request.HasAuthorKey
        ? SHA384.HashData(request.IdAuthentication.Span.Slice(AuthorKeyOffset, AmdEcKey.Size))
        : [];

    private static bool IsSigned(ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        AmdEcKey.TryRead(key, out ECParameters signer, out _)
        && AmdEcKey.GetCoordinateSize(signer.Curve) == CoordinateSize
        && AmdEcdsaSignature.Verify(signer, data, HashAlgorithmName.SHA384, signature);
}
