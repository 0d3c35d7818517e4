namespace KvmSevVmm.Sev.Measurement;

/// <summary>A file that a secret brings into a guest's initramfs.</summary>
/// <param name="Name">Its path in the guest, <c>etc/keys/disk.key</c>; a leading slash means the same.</param>
/// <param name="Content">Its content.</param>
public sealed record SecretFile(string Name, ReadOnlyMemory<byte> Content);
