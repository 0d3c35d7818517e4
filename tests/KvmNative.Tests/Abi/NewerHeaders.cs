using System.Globalization;

namespace KvmSevVmm.KvmNative.Tests.Abi;

/// <summary>What Debian 12's kernel headers (6.1) lack: sizes, offsets and numbers from those of Linux 7.2.</summary>
internal static class NewerHeaders
{
    // Printed by a C program that was compiled against linux-libc-dev 7.2.13: one name and one decimal value a line.
    private const string Table = """
        sizeof struct kvm_create_guest_memfd 64
        offset struct kvm_create_guest_memfd.size 0
        size struct kvm_create_guest_memfd.size 8
        offset struct kvm_create_guest_memfd.flags 8
        size struct kvm_create_guest_memfd.flags 8
        sizeof struct kvm_exit_snp_req_certs 24
        offset struct kvm_exit_snp_req_certs.gpa 0
        size struct kvm_exit_snp_req_certs.gpa 8
        offset struct kvm_exit_snp_req_certs.npages 8
        size struct kvm_exit_snp_req_certs.npages 8
        offset struct kvm_exit_snp_req_certs.ret 16
        size struct kvm_exit_snp_req_certs.ret 8
        sizeof struct kvm_memory_attributes 32
        offset struct kvm_memory_attributes.address 0
        size struct kvm_memory_attributes.address 8
        offset struct kvm_memory_attributes.size 8
        size struct kvm_memory_attributes.size 8
        offset struct kvm_memory_attributes.attributes 16
        size struct kvm_memory_attributes.attributes 8
        offset struct kvm_memory_attributes.flags 24
        size struct kvm_memory_attributes.flags 8
        sizeof struct kvm_pre_fault_memory 64
        offset struct kvm_pre_fault_memory.gpa 0
        size struct kvm_pre_fault_memory.gpa 8
        offset struct kvm_pre_fault_memory.size 8
        size struct kvm_pre_fault_memory.size 8
        offset struct kvm_pre_fault_memory.flags 16
        size struct kvm_pre_fault_memory.flags 8
        offset struct kvm_run.hypercall.flags 64
        size struct kvm_run.hypercall.flags 8
        offset struct kvm_run.memory_fault 32
        size struct kvm_run.memory_fault 24
        sizeof struct kvm_run.memory_fault 24
        offset struct kvm_run.memory_fault.flags 0
        size struct kvm_run.memory_fault.flags 8
        offset struct kvm_run.memory_fault.gpa 8
        size struct kvm_run.memory_fault.gpa 8
        offset struct kvm_run.memory_fault.size 16
        size struct kvm_run.memory_fault.size 8
        offset struct kvm_run.snp_req_certs 32
        size struct kvm_run.snp_req_certs 24
        offset struct kvm_run.tdx 32
        size struct kvm_run.tdx 64
        sizeof struct kvm_run.tdx 64
        offset struct kvm_run.tdx.flags 0
        size struct kvm_run.tdx.flags 8
        offset struct kvm_run.tdx.nr 8
        size struct kvm_run.tdx.nr 8
        offset struct kvm_run.tdx.unknown.ret 16
        size struct kvm_run.tdx.unknown.ret 8
        offset struct kvm_run.tdx.unknown.data 24
        size struct kvm_run.tdx.unknown.data 40
        offset struct kvm_run.tdx.get_quote.gpa 24
        size struct kvm_run.tdx.get_quote.gpa 8
        offset struct kvm_run.tdx.get_quote.size 32
        size struct kvm_run.tdx.get_quote.size 8
        offset struct kvm_run.tdx.get_tdvmcall_info.leaf 24
        size struct kvm_run.tdx.get_tdvmcall_info.leaf 8
        offset struct kvm_run.tdx.setup_event_notify.vector 24
        size struct kvm_run.tdx.setup_event_notify.vector 8
        sizeof struct kvm_sev_init 48
        offset struct kvm_sev_init.vmsa_features 0
        size struct kvm_sev_init.vmsa_features 8
        offset struct kvm_sev_init.flags 8
        size struct kvm_sev_init.flags 4
        offset struct kvm_sev_init.ghcb_version 12
        size struct kvm_sev_init.ghcb_version 2
        sizeof struct kvm_sev_snp_launch_finish 88
        offset struct kvm_sev_snp_launch_finish.id_block_uaddr 0
        size struct kvm_sev_snp_launch_finish.id_block_uaddr 8
        offset struct kvm_sev_snp_launch_finish.id_auth_uaddr 8
        size struct kvm_sev_snp_launch_finish.id_auth_uaddr 8
        offset struct kvm_sev_snp_launch_finish.id_block_en 16
        size struct kvm_sev_snp_launch_finish.id_block_en 1
        offset struct kvm_sev_snp_launch_finish.auth_key_en 17
        size struct kvm_sev_snp_launch_finish.auth_key_en 1
        offset struct kvm_sev_snp_launch_finish.vcek_disabled 18
        size struct kvm_sev_snp_launch_finish.vcek_disabled 1
        offset struct kvm_sev_snp_launch_finish.host_data 19
        size struct kvm_sev_snp_launch_finish.host_data 32
        offset struct kvm_sev_snp_launch_finish.flags 54
        size struct kvm_sev_snp_launch_finish.flags 2
        sizeof struct kvm_sev_snp_launch_start 64
        offset struct kvm_sev_snp_launch_start.policy 0
        size struct kvm_sev_snp_launch_start.policy 8
        offset struct kvm_sev_snp_launch_start.gosvw 8
        size struct kvm_sev_snp_launch_start.gosvw 16
        offset struct kvm_sev_snp_launch_start.flags 24
        size struct kvm_sev_snp_launch_start.flags 2
        sizeof struct kvm_sev_snp_launch_update 64
        offset struct kvm_sev_snp_launch_update.gfn_start 0
        size struct kvm_sev_snp_launch_update.gfn_start 8
        offset struct kvm_sev_snp_launch_update.uaddr 8
        size struct kvm_sev_snp_launch_update.uaddr 8
        offset struct kvm_sev_snp_launch_update.len 16
        size struct kvm_sev_snp_launch_update.len 8
        offset struct kvm_sev_snp_launch_update.type 24
        size struct kvm_sev_snp_launch_update.type 1
        offset struct kvm_sev_snp_launch_update.flags 26
        size struct kvm_sev_snp_launch_update.flags 2
        sizeof struct kvm_userspace_memory_region2 160
        offset struct kvm_userspace_memory_region2.slot 0
        size struct kvm_userspace_memory_region2.slot 4
        offset struct kvm_userspace_memory_region2.flags 4
        size struct kvm_userspace_memory_region2.flags 4
        offset struct kvm_userspace_memory_region2.guest_phys_addr 8
        size struct kvm_userspace_memory_region2.guest_phys_addr 8
        offset struct kvm_userspace_memory_region2.memory_size 16
        size struct kvm_userspace_memory_region2.memory_size 8
        offset struct kvm_userspace_memory_region2.userspace_addr 24
        size struct kvm_userspace_memory_region2.userspace_addr 8
        offset struct kvm_userspace_memory_region2.guest_memfd_offset 32
        size struct kvm_userspace_memory_region2.guest_memfd_offset 8
        offset struct kvm_userspace_memory_region2.guest_memfd 40
        size struct kvm_userspace_memory_region2.guest_memfd 4
        sizeof struct sev_user_data_snp_config 64
        offset struct sev_user_data_snp_config.reported_tcb 0
        size struct sev_user_data_snp_config.reported_tcb 8
        byte of struct sev_user_data_snp_config.mask_chip_id 8
        bits of struct sev_user_data_snp_config.mask_chip_id 1
        bits of struct sev_user_data_snp_config.mask_chip_key 2
        sizeof struct sev_user_data_snp_status 32
        offset struct sev_user_data_snp_status.api_major 0
        size struct sev_user_data_snp_status.api_major 1
        offset struct sev_user_data_snp_status.api_minor 1
        size struct sev_user_data_snp_status.api_minor 1
        offset struct sev_user_data_snp_status.state 2
        size struct sev_user_data_snp_status.state 1
        byte of struct sev_user_data_snp_status.is_rmp_initialized 3
        offset struct sev_user_data_snp_status.build_id 4
        size struct sev_user_data_snp_status.build_id 4
        byte of struct sev_user_data_snp_status.mask_chip_id 8
        offset struct sev_user_data_snp_status.guest_count 12
        size struct sev_user_data_snp_status.guest_count 4
        offset struct sev_user_data_snp_status.current_tcb_version 16
        size struct sev_user_data_snp_status.current_tcb_version 8
        offset struct sev_user_data_snp_status.reported_tcb_version 24
        size struct sev_user_data_snp_status.reported_tcb_version 8
        bits of struct sev_user_data_snp_status.mask_chip_id 1
        bits of struct sev_user_data_snp_status.mask_chip_key 2
        bits of struct sev_user_data_snp_status.vlek_en 4
        bits of struct sev_user_data_snp_status.feature_info 8
        bits of struct sev_user_data_snp_status.rapl_dis 16
        bits of struct sev_user_data_snp_status.ciphertext_hiding_cap 32
        bits of struct sev_user_data_snp_status.ciphertext_hiding_en 64
        bits of struct sev_user_data_snp_status.is_rmp_initialized 1
        sizeof struct sev_user_data_snp_vlek_load 16
        offset struct sev_user_data_snp_vlek_load.len 0
        size struct sev_user_data_snp_vlek_load.len 4
        offset struct sev_user_data_snp_vlek_load.vlek_wrapped_version 4
        size struct sev_user_data_snp_vlek_load.vlek_wrapped_version 1
        offset struct sev_user_data_snp_vlek_load.vlek_wrapped_address 8
        size struct sev_user_data_snp_vlek_load.vlek_wrapped_address 8
        GUEST_MEMFD_FLAG_MMAP 1
        GUEST_MEMFD_FLAG_INIT_SHARED 2
        KVM_CAP_S390_PROTECTED_ASYNC_DISABLE 224
        KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP 225
        KVM_CAP_PMU_EVENT_MASKED_EVENTS 226
        KVM_CAP_COUNTER_OFFSET 227
        KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE 228
        KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES 229
        KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES 230
        KVM_CAP_USER_MEMORY2 231
        KVM_CAP_MEMORY_FAULT_INFO 232
        KVM_CAP_MEMORY_ATTRIBUTES 233
        KVM_CAP_GUEST_MEMFD 234
        KVM_CAP_VM_TYPES 235
        KVM_CAP_PRE_FAULT_MEMORY 236
        KVM_CAP_X86_APIC_BUS_CYCLES_NS 237
        KVM_CAP_X86_GUEST_MODE 238
        KVM_CAP_ARM_WRITABLE_IMP_ID_REGS 239
        KVM_CAP_ARM_EL2 240
        KVM_CAP_ARM_EL2_E2H0 241
        KVM_CAP_RISCV_MP_STATE_RESET 242
        KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED 243
        KVM_CAP_GUEST_MEMFD_FLAGS 244
        KVM_CAP_ARM_SEA_TO_USER 245
        KVM_CAP_S390_USER_OPEREXEC 246
        KVM_CAP_S390_KEYOP 247
        KVM_CAP_S390_VSIE_ESAMODE 248
        KVM_CAP_S390_HPAGE_2G 249
        KVM_CREATE_GUEST_MEMFD 3225464532
        KVM_EXIT_HYPERCALL_LONG_MODE 1
        KVM_EXIT_LOONGARCH_IOCSR 38
        KVM_EXIT_MEMORY_FAULT 39
        KVM_EXIT_TDX 40
        KVM_EXIT_ARM_SEA 41
        KVM_EXIT_ARM_LDST64B 42
        KVM_EXIT_SNP_REQ_CERTS 43
        KVM_MEM_GUEST_MEMFD 4
        KVM_MEMORY_ATTRIBUTE_PRIVATE 8
        KVM_MEMORY_EXIT_FLAG_PRIVATE 8
        KVM_PRE_FAULT_MEMORY 3225464533
        KVM_RUN_X86_GUEST_MODE 4
        KVM_SET_USER_MEMORY_REGION2 1084272201
        KVM_SET_MEMORY_ATTRIBUTES 1075883730
        KVM_SEV_SNP_ID_BLOCK_SIZE 96
        KVM_SEV_SNP_ID_AUTH_SIZE 4096
        KVM_SEV_SNP_FINISH_DATA_SIZE 32
        KVM_SEV_INIT2 22
        KVM_SEV_SNP_LAUNCH_START 100
        KVM_SEV_SNP_LAUNCH_UPDATE 101
        KVM_SEV_SNP_LAUNCH_FINISH 102
        KVM_SEV_SNP_ENABLE_REQ_CERTS 103
        KVM_SEV_PAGE_TYPE_INVALID 0
        KVM_SEV_SNP_PAGE_TYPE_NORMAL 1
        KVM_SEV_SNP_PAGE_TYPE_ZERO 3
        KVM_SEV_SNP_PAGE_TYPE_UNMEASURED 4
        KVM_SEV_SNP_PAGE_TYPE_SECRETS 5
        KVM_SEV_SNP_PAGE_TYPE_CPUID 6
        KVM_SYSTEM_EVENT_TDX_FATAL 7
        KVM_X86_DISABLE_EXITS_APERFMPERF 16
        KVM_X86_QUIRK_SLOT_ZAP_ALL 128
        KVM_X86_QUIRK_STUFF_FEATURE_MSRS 256
        KVM_X86_QUIRK_IGNORE_GUEST_PAT 512
        KVM_X86_SEV_VMSA_FEATURES 0
        KVM_X86_SNP_POLICY_BITS 1
        KVM_X86_SEV_SNP_REQ_CERTS 2
        KVM_X86_GRP_SYSTEM 0
        KVM_X86_GRP_SEV 1
        KVM_X86_DEFAULT_VM 0
        KVM_X86_SW_PROTECTED_VM 1
        KVM_X86_SEV_VM 2
        KVM_X86_SEV_ES_VM 3
        KVM_X86_SNP_VM 4
        KVM_X86_TDX_VM 5
        SEV_RET_INVALID_PAGE_SIZE 25
        SEV_RET_INVALID_PAGE_STATE 26
        SEV_RET_INVALID_MDATA_ENTRY 27
        SEV_RET_INVALID_PAGE_OWNER 28
        SEV_RET_AEAD_OFLOW 29
        SEV_RET_EXIT_RING_BUFFER 31
        SEV_RET_RMP_INIT_REQUIRED 32
        SEV_RET_BAD_SVN 33
        SEV_RET_BAD_VERSION 34
        SEV_RET_SHUTDOWN_REQUIRED 35
        SEV_RET_UPDATE_FAILED 36
        SEV_RET_RESTORE_REQUIRED 37
        SEV_RET_RMP_INITIALIZATION_FAILED 38
        SEV_RET_INVALID_KEY 39
        SEV_RET_SHUTDOWN_INCOMPLETE 40
        SEV_RET_INCORRECT_BUFFER_LENGTH 48
        SEV_RET_EXPAND_BUFFER_LENGTH_REQUEST 49
        SEV_RET_SPDM_REQUEST 50
        SEV_RET_SPDM_ERROR 51
        SEV_RET_SEV_STATUS_ERR_IN_DEV_CONN 53
        SEV_RET_SEV_STATUS_INVALID_DEV_CTX 54
        SEV_RET_SEV_STATUS_INVALID_TDI_CTX 55
        SEV_RET_SEV_STATUS_INVALID_TDI 56
        SEV_RET_SEV_STATUS_RECLAIM_REQUIRED 57
        SEV_RET_IN_USE 58
        SEV_RET_SEV_STATUS_INVALID_DEV_STATE 59
        SEV_RET_SEV_STATUS_INVALID_TDI_STATE 60
        SEV_RET_SEV_STATUS_DEV_CERT_CHANGED 61
        SEV_RET_SEV_STATUS_RESYNC_REQ 62
        SEV_RET_SEV_STATUS_RESPONSE_TOO_LARGE 63
        SNP_COMMIT 10
        SNP_PLATFORM_STATUS 9
        SNP_SET_CONFIG 11
        SNP_VLEK_LOAD 12
        """;

    /// <summary>The table by name.</summary>
    public static IReadOnlyDictionary<string, ulong> Read()
    {
        Dictionary<string, ulong> table = [];
        foreach (string line in Table.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int separator = line.LastIndexOf(' ');
            table.Add(line[..separator], ulong.Parse(line.AsSpan(separator + 1), CultureInfo.InvariantCulture));
        }

        return table;
    }
}
